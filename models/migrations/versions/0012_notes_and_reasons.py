"""Internal notes on clients, and why clients were rejected or made inactive."""

import sqlalchemy as sa
from alembic import op

from models.base import Instant

revision = "0012"
down_revision = "0011"

# Of decisions before this, the reason of the last one is known, while the client is out.
LAST_REASONS = """
INSERT INTO decision_reasons (organization_id, id, client_id, text)
SELECT clients.organization_id, audit_events.id, clients.id, clients.status_reason
FROM clients JOIN audit_events
  ON audit_events.organization_id = clients.organization_id
  AND audit_events.number = (
    SELECT max(told.number) FROM audit_events AS told
    WHERE told.organization_id = clients.organization_id
      AND told.client_id = clients.id
      AND told.action IN ('CLIENT_REJECTED', 'CLIENT_DEACTIVATED')
  )
WHERE clients.status = 'INACTIVE'
  AND clients.status_reason IS NOT NULL
  AND audit_events.reason = 'GIVEN'
"""


def upgrade() -> None:
    op.create_table(
        "client_notes",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.Uuid(), nullable=False),
        sa.Column("author_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "client_id"],
            ["clients.organization_id", "clients.id"],
            name="fk_client_notes_organization_id_client_id",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "author_id"],
            ["accounts.organization_id", "accounts.id"],
            name="fk_client_notes_organization_id_author_id",
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name="pk_client_notes"),
    )
    op.create_index(
        "ix_client_notes_organization_id_client_id_id",
        "client_notes",
        ["organization_id", "client_id", "id"],
    )
    op.create_table(
        "decision_reasons",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.Uuid(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "client_id"],
            ["clients.organization_id", "clients.id"],
            name="fk_decision_reasons_organization_id_client_id",
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name="pk_decision_reasons"),
    )
    op.execute(LAST_REASONS)


def downgrade() -> None:
    op.drop_table("decision_reasons")
    op.drop_table("client_notes")
