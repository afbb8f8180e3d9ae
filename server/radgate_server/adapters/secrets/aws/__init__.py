"""AWS KMS and its client."""
