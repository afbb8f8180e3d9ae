"""Lines of log as JSON objects."""
