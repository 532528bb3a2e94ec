"""A run made again from what its manifest pins, and compared with what it made, bit by bit."""
