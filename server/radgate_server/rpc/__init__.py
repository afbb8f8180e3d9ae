"""The gRPC edge: wire types in, core words through, wire types out."""
