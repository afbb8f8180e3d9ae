"""Content delivery networks; their libraries are imported where one is configured."""
