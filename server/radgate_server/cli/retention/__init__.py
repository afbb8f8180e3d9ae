"""`radgate retention`, `radgate erase`, `radgate certificate`."""
