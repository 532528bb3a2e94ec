"""Tables that the terminal and the report both show."""
