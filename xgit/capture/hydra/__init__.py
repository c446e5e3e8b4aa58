"""The project's Hydra configs as the next commit has them: read as text, and composed."""
