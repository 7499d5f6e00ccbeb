"""From clean tables to features that were true at the moment of asking."""
