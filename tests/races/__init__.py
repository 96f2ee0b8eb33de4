"""Requests whose last byte leaves together, many times over."""
