"""What the metadata of an instance say of its frames."""
