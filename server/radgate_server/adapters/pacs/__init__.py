"""PACS adapters: one package for each way in which a PACS is reached."""
