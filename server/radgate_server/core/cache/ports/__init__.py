"""The cache tiers and the keys of their files, as services need them."""
