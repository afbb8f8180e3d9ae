"""What the tiers on the local disk have in common."""
