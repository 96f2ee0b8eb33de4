"""More than there was, and nothing taken away: what servers of the release before can live with.

PostgreSQL lets nobody at the clients meanwhile; SQLite makes their table anew.
"""

import sqlalchemy as sa
from alembic import op

from models.migrate import head

revision = "later"
down_revision = head()


def upgrade() -> None:
    with op.batch_alter_table("clients") as clients:
        clients.add_column(sa.Column("nickname", sa.String()))
        clients.add_column(sa.Column("language", sa.String(), server_default="en", nullable=False))
        clients.create_check_constraint("nickname", sa.column("nickname") != "")
    op.create_table(
        "pets",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "client_id"], ["clients.organization_id", "clients.id"]
        ),
        sa.PrimaryKeyConstraint("organization_id", "id"),
    )
