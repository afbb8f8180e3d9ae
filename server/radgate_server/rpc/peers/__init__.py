"""The service by which servers of one installation send each other instances: a port and a secret of its own."""
