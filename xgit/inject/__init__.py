"""The only code that runs inside the user's process: stdlib only, Python 3.8, never raises."""
