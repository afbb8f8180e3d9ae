"""Work that continues after the call that asked for it."""
