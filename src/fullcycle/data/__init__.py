"""From sources to checked, split tables."""
