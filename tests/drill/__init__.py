"""Attacks on a running gateway, while a good client goes on: `python -m tests.drill` prints what became of each."""
