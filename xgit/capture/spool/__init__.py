"""What the processes of a run left: read as input from a stranger."""
