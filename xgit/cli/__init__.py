"""Parses and prints; nothing imports it."""
