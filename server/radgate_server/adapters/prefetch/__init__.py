"""What reports to Radgate that a study will be read."""
