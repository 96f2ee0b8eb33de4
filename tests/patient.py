"""The command line as others run it, but that it waits longer for its database.

For programs that wait while a test holds a lock: `python -m tests.patient`. Workers run it, too.
"""

from models import database
from portal.cli import main
from schema.limits import LIMITS
from tests.waiting import PATIENCE

database.BUSY_SECONDS = database.CONNECT_SECONDS = PATIENCE
object.__setattr__(LIMITS, "seconds", PATIENCE)

if __name__ == "__main__":
    main()
