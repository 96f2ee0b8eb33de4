"""Every path through the schema, for every kind of caller."""
