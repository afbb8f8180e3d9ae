"""What tenants and keys may use, and how much of it they have used."""
