"""How good is this export? CHECKS asks, `assess` answers with a report and a score."""
