"""The champion: chosen on validation rows, perhaps fitted again, and how much of its score is luck."""
