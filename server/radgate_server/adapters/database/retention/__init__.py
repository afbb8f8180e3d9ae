"""Periods of retention, holds and erasures in the database."""
