"""The release after this one, as far as servers of this one meet it: what it does to the tables."""
