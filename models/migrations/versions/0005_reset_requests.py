"""Passwords that somebody forgot."""

import sqlalchemy as sa
from alembic import op

from models.base import Instant

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "reset_requests",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("email_key", sa.String(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("due_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name="fk_reset_requests_organization_id",
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name="pk_reset_requests"),
    )
    op.create_index("ix_reset_requests_due_at", "reset_requests", ["due_at"])


def downgrade() -> None:
    op.drop_table("reset_requests")
