"""The path of every call: one ordered list of interceptors, composed once for each method."""
