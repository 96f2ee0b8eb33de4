"""What can be asked: types, inputs, fields, the rule on each field."""

from schema import words  # first: they are explained before any type shows them
from schema.execution import Api, Response
from schema.matrix import permissions_page
from schema.root import build, printed

__all__ = ["Api", "Response", "build", "permissions_page", "printed", "words"]
