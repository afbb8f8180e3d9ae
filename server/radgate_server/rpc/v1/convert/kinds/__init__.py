"""What conversions of the kinds of PACS share, and that of the kinds of other packages."""
