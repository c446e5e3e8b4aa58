"""The pinned data: which there is, whether it agrees with its pins, and who keeps it."""
