"""Occupancy: sensor readings beside permit counts. Imports no other noun; `domain/pins` puts both on the map."""
