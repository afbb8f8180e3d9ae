"""A content delivery network in front of the gateway: what its URLs name, and who may have it."""
