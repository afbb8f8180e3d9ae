"""How erasing is certified, and the ports of what is erased."""
