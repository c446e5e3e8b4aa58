"""The parameters: of a Hydra app, or of params.yaml."""
