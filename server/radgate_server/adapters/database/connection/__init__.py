"""The database itself: engines, threads, failures."""
