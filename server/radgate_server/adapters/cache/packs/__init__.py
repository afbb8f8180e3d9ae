"""The tier of packs: whole instances in an object store, many of them in each object."""
