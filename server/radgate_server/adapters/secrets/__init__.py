"""Secrets sealed under keys of one's choice, or kept elsewhere; signatures of the audit trail's checkpoints."""
