"""What the gateway in front of the server reports and is given."""
