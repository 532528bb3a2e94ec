"""A probability of winning, and how good it is."""
