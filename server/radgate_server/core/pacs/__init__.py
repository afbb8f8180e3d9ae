"""How a PACS is reached, what it can do, and how it is doing."""
