"""What streams and pages of radgate.v1 have in common."""
