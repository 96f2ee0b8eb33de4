"""What has served its time is found by when it was, and nothing is looked for to let it go."""

from alembic import op

revision = "0009"
down_revision = "0008"

INDEXES = {
    "ix_client_reads_at": ("client_reads", ["at"]),
    "ix_letters_done_at": ("letters", ["done_at"]),
    "ix_letters_organization_id_link_id": ("letters", ["organization_id", "link_id"]),
    "ix_links_created_at": ("links", ["created_at"]),
    "ix_registrations_created_at": ("registrations", ["created_at"]),
    "ix_sessions_created_at": ("sessions", ["created_at"]),
}


def upgrade() -> None:
    for name, (table, columns) in INDEXES.items():
        op.create_index(name, table, columns)


def downgrade() -> None:
    for name, (table, _columns) in INDEXES.items():
        op.drop_index(name, table)
