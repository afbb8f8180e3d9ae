"""Where reports are scheduled, and who gets them, as services need it."""
