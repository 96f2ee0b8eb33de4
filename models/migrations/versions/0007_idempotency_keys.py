"""What was done under which key of its caller's."""

import sqlalchemy as sa
from alembic import op

from models.base import Instant

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.create_table(
        "idempotency_keys",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.Column("kind", sa.String(), nullable=True),
        sa.Column("row_id", sa.Uuid(), nullable=True),
        sa.Column("answer", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "account_id"],
            ["accounts.organization_id", "accounts.id"],
            name="fk_idempotency_keys_organization_id_account_id",
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name="pk_idempotency_keys"),
        sa.UniqueConstraint(
            "organization_id",
            "account_id",
            "key",
            name="uq_idempotency_keys_organization_id_account_id_key",
        ),
    )
    op.create_index("ix_idempotency_keys_created_at", "idempotency_keys", ["created_at"])


def downgrade() -> None:
    op.drop_table("idempotency_keys")
