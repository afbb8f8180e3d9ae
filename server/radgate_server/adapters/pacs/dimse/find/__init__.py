"""C-FIND (PS3.4 C.4.1)."""
