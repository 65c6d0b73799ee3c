"""Moves of environments from one cell to another."""
