"""Signed URLs at the edge, and the grants by which the edge fetches for their holders."""
