"""Everything that an operator may tune: settings.py has the whole, each other module one subject of it."""
