"""The gRPC server and its standard services."""
