"""Point-in-time features: one list of definitions, read offline, online and distributed."""
