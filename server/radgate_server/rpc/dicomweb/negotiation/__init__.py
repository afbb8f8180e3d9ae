"""What a client asks for and accepts, and what can be offered (PS3.18 8.7)."""
