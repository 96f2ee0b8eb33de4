"""Each room by itself, on both databases."""
