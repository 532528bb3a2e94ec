"""A calibrated probability of winning."""
