"""The cycle: one folder for each phase of a model's life. It knows no particular problem."""
