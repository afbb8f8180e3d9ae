"""Tiers in memory."""
