"""Cells: databases that hold environments. How one is added and removed, its logins, and what an environment's role may do."""
