"""What was prefetched."""
