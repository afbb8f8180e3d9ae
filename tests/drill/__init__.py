"""Attacks on a running gateway, while a good client continues: `python -m tests.drill` prints what became of each."""
