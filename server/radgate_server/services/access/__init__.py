"""Who calls, and which studies that caller may see."""
