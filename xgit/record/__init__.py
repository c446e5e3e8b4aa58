"""What an experiment is: its nouns, its names, and its written form."""
