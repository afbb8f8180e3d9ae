"""What lies below associations: sockets, TLS, the upper layer's threads (PS3.8 9)."""
