"""Lot groups: the pins of the real-time map, and which sensor counts for them."""
