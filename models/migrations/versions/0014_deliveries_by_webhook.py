"""What waits for each webhook, in the order in which it is due.

Servers of the release before sort it by themselves until they are replaced.
"""

from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.create_index(
        "ix_deliveries_state_webhook_id_due_at", "deliveries", ["state", "webhook_id", "due_at"]
    )
    op.drop_index("ix_deliveries_state_due_at", "deliveries")


def downgrade() -> None:
    op.create_index("ix_deliveries_state_due_at", "deliveries", ["state", "due_at"])
    op.drop_index("ix_deliveries_state_webhook_id_due_at", "deliveries")
