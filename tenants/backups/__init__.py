"""Backups of environments: taken, listed, verified, kept for a while, restored."""
