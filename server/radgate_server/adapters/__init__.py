"""The world outside, behind the ports of core. Adapters do not know one another."""
