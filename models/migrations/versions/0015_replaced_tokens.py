"""Until when the access token is good that a refresh replaced.

Where nobody has written it, as servers of the release before do not, it is good no more.
"""

import sqlalchemy as sa
from alembic import op

from models.base import Instant

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    op.add_column("sessions", sa.Column("replaced_until", Instant(), nullable=True))


def downgrade() -> None:
    op.drop_column("sessions", "replaced_until")
