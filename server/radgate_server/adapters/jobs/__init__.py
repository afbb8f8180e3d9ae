"""What wakes processes for jobs."""
