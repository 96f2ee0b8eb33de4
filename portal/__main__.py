"""`python -m portal`."""

import gc

# What is imported stays: to look it through again and again takes a fifth of the time of a start.
gc.disable()

from portal.cli import main  # noqa: E402 - after that

gc.freeze()
gc.enable()
main()
