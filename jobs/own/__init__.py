"""Tasks of the platform itself: they work on the registry's rows, in no environment."""
