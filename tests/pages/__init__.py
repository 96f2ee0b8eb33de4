"""The pages, as somebody without a script sees them: over the real app, by links and forms."""
