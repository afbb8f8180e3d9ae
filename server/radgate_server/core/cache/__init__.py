"""What caches promise: the ports of the tiers, and what a study's state is compared by."""
