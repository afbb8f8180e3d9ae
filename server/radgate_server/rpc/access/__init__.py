"""What stands between a decoded message and its servicer: who may call what, of which studies."""
