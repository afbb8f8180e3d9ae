"""Where instances and reports lie that are in transit through the server."""
