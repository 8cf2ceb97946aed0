"""Tables of a study from the rows of `ampnet predict`, without the networks."""
