"""Finding, fetching and delivering instances."""
