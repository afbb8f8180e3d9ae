"""What packages that extend this server may import."""
