"""What takes too long, or too quiet a machine, for every day: `make torture`."""
