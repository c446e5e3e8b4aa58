"""What `xgit init` adds to a project: found out, planned as texts, and then written at once."""
