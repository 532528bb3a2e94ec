"""One page a file: the widgets, and the blocks that they choose."""
