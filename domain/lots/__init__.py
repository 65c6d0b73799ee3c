"""Lots: the places that permits are sold for. Where a lot is counted by sensors is a matter of its group."""
