"""Many jobs while machines and workers are killed at random."""
