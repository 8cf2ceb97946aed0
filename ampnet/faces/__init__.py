"""The geometry of one face: landmarks, alignment, framing, pose."""
