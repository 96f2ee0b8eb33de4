"""Budgets that were spent from."""

import sqlalchemy as sa
from alembic import op

from models.base import Instant

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "throttles",
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("ends_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_throttles"),
    )
    op.create_index("ix_throttles_ends_at", "throttles", ["ends_at"])


def downgrade() -> None:
    op.drop_table("throttles")
