"""The interpreter, its packages and the platform."""
