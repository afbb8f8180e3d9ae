"""Where instances and reports lie that are on their way through the server."""
