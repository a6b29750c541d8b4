"""Reproduce: a run is trained again as its record says, and compared with what it left."""
