"""The C-STORE SCP that C-MOVE needs (PS3.4 B)."""
