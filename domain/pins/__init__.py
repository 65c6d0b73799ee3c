"""The real-time map: pins, their occupancy and their lots, read in a fixed number of statements."""
