"""Frames in transit to gRPC clients."""
