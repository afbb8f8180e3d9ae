"""Messages on an association (PS3.7 6, 9)."""
