"""Candidates, their preprocessing and fitting: all that the stage `train` reads."""
