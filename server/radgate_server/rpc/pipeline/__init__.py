"""The way of every call: one ordered list of layers, composed once for each method."""
