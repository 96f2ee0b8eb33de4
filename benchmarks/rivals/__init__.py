"""Whom the product is measured beside: each module is a server, made by its `app()`."""
