"""The right to erasure: an opportunity goes from everything that the store holds, for good."""
