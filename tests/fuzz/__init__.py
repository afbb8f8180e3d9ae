"""Damaged frames of every transfer syntax, given to the codecs in a process of their own."""
