"""The servers of one installation: those that share its database."""
