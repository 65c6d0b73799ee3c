"""Lot zones: the names by which meters and parking apps know lots, and when each name holds."""
