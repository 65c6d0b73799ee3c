"""Preview spaces: copies of production to try things in. Refreshed, locked, expired."""
