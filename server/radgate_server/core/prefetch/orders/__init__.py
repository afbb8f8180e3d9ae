"""Orders and appointments that announce a study: who may send them, and what they say of it."""
