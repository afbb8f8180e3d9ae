"""How fast and how small, measured in one run on one machine; ratios count, not absolute times."""
