"""Who calls, for which tenant, and which studies a credential may see."""
