"""What the champion is worth, and whether that is enough."""
