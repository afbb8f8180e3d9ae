"""The kinds of PACS: what each is and does, whatever adapter connects it. One module for each."""
