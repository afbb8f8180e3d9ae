"""WADO-RS: instances, frames, metadata, bulk data (PS3.18 10.4)."""
