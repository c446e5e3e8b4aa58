"""The straight line from a request to a recorded experiment."""
