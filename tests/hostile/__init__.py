"""What is sent to hurt, and what becomes of it: the rows of `hostile` C2, C3, C4, C8 and C12."""
