"""Bodies and headers of answers (PS3.18 8.6)."""
