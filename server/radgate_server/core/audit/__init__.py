"""The audit trail: records, their chain, checkpoints, searches and verification. Pure."""
