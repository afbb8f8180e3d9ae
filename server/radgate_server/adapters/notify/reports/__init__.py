"""Reports to those who want them: mail, webhook, a folder."""
