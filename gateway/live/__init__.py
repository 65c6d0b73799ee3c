"""The live hub: one execution and one byte string for all viewers of a feed."""
