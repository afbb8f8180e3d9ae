"""The drill of many machines: engines, servers and the PACS are lost one at a time while many clients read."""
