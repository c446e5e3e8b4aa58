"""Where experiments live: tags, saved and loaded."""
