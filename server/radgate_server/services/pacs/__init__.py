"""The PACS of each tenant: connected, guarded, checked, failed over."""
