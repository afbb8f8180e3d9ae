"""The tier of whole instances on the local disk."""
