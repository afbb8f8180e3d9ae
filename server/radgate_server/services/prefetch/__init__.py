"""Fetching studies before somebody asks for them (ADR 66)."""
