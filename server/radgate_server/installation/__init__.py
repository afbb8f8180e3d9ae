"""What server and command line share: an installation's database, keys and caches, and the way to it."""
