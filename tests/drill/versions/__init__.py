"""The drill of two versions: servers of the version before are replaced by this one's while clients read."""
