"""Jobs in the database: durable, and shared by all processes of an installation."""
