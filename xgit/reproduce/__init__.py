"""Run an experiment again, from nothing but what git and its remotes hold, and judge it."""
