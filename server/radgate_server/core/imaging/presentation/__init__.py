"""How pixels are to be shown, as a data set says it (PS3.4 N.2, PS3.3 C.11)."""
