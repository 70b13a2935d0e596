"""Grids that are too long for a cell: `python3 -m helpers study NAME`."""
