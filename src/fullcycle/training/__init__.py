"""Candidates, their preprocessing, fitting and selection."""
