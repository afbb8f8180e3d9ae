"""The cache tiers: ready-made answers in memory, whole instances on disk and, the busiest of them, in memory."""
