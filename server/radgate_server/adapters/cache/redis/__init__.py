"""The tier of answers that servers share in Redis."""
