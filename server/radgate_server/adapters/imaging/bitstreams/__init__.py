"""What a frame's bytes say of themselves, read strictly before a decoder may see them."""
