"""Thin servicers of radgate.v1: from messages to the services' words and back."""
