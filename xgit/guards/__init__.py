"""What refuses a run that could not be repeated, one module a guard."""
