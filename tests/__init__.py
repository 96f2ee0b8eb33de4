"""What we promise: the seed told as stories, each room by itself, and what the code is."""
