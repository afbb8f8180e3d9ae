"""`radgate audit`."""
