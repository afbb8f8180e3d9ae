"""Being one of several servers."""
