"""`radgate tenant`, `key`, `auth` and `limits`."""
