"""Whether a tag is what it says: the checks of `xgit exp verify`, which run no code of its own."""
