"""Revisions of three trees: the registry, the run ledger of a cell, and an environment's own tables."""
