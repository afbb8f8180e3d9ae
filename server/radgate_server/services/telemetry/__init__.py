"""What the server reports of its own health and certificates."""
