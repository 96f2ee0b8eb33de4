"""Planned reads held to plain execution: random operations, by every kind of caller."""
