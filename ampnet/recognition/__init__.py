"""From photos to answers: find, choose, frame, classify, explain."""
