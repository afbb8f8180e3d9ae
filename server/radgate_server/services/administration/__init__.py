"""Setting up tenants and PACS: detected, validated, changed."""
