"""The audit trail's ends as services need them: written, read, searched, spooled, exported."""
