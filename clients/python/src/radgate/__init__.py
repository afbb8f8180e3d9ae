"""Python SDK of Radgate."""
