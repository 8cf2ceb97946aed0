"""The index: labels, landmarks, votes, splits and the faces table."""
