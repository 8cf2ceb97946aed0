"""From raw images to an index of framed faces."""
