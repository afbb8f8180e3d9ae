"""What operators are notified of."""
