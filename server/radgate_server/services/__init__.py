"""Use cases, one module each. They know the ports of core, never an adapter or a wire format."""
