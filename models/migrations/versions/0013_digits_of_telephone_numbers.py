"""Clients who may be the same person: found by birth and name, and by their telephone numbers."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"

SIGNS = "+()./- "
"""What a telephone number may hold beside its digits."""


def digits() -> str:
    """The digits of `phone`, or null, as both databases say it."""
    said = "phone"
    for sign in SIGNS:
        said = f"replace({said}, '{sign}', '')"
    return f"nullif({said}, '')"


def upgrade() -> None:
    op.add_column("clients", sa.Column("phone_key", sa.String(), nullable=True))
    op.execute(f"UPDATE clients SET phone_key = {digits()} WHERE phone IS NOT NULL")  # noqa: S608 - ours
    op.create_index(
        "ix_clients_by_birth_and_name", "clients", ["organization_id", "date_of_birth", "name_key"]
    )
    op.create_index("ix_clients_by_phone", "clients", ["organization_id", "phone_key"])


def downgrade() -> None:
    op.drop_index("ix_clients_by_phone", "clients")
    op.drop_index("ix_clients_by_birth_and_name", "clients")
    op.drop_column("clients", "phone_key")
