"""Frames on their way to gRPC clients."""
