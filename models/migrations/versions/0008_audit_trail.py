"""The audit trail."""

import sqlalchemy as sa
from alembic import op

from models.audit import IdSet
from models.base import AsJson, Instant

revision = "0008"
down_revision = "0007"

REFUSAL = "audit events are only ever added"
STAY = {
    "postgresql": [
        f"""
        CREATE FUNCTION audit_events_stay() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION '{REFUSAL}' USING ERRCODE = 'restrict_violation'; END $$
        """,
        """
        CREATE TRIGGER audit_events_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_events
        EXECUTE FUNCTION audit_events_stay()
        """,
    ],
    "sqlite": [
        f"""
        CREATE TRIGGER audit_events_stay_on_{change} BEFORE {change} ON audit_events
        BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END
        """
        for change in ("update", "delete")
    ],
}


def upgrade() -> None:
    op.create_table(
        "audit_events",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("action", sa.String(32), nullable=False),
        sa.Column("actor_kind", sa.String(32), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("roles", AsJson(), nullable=False),
        sa.Column("scope", sa.String(), nullable=True),
        sa.Column("surface", sa.String(32), nullable=True),
        sa.Column("client_id", sa.Uuid(), nullable=True),
        sa.Column("staff_id", sa.Uuid(), nullable=True),
        sa.Column("department_id", sa.Uuid(), nullable=True),
        sa.Column("departments", IdSet(), nullable=False),
        sa.Column("changes", AsJson(), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(), nullable=True),
        sa.Column("request_id", sa.String(), nullable=True),
        sa.Column("previous_hash", sa.String(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name="fk_audit_events_organization_id"
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name="pk_audit_events"),
        sa.UniqueConstraint(
            "organization_id", "number", name="uq_audit_events_organization_id_number"
        ),
    )
    for column in ("client_id", "staff_id", "actor_id"):
        op.create_index(
            f"ix_audit_events_organization_id_{column}_number",
            "audit_events",
            ["organization_id", column, "number"],
            postgresql_where=sa.text(f"{column} IS NOT NULL"),
            sqlite_where=sa.text(f"{column} IS NOT NULL"),
        )
    for statement in STAY[op.get_context().dialect.name]:
        op.execute(statement)
    op.create_table(
        "audit_heads",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name="fk_audit_heads_organization_id"
        ),
        sa.PrimaryKeyConstraint("organization_id", name="pk_audit_heads"),
    )
    op.create_table(
        "client_reads",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.Uuid(), nullable=False),
        sa.Column("reader_kind", sa.String(32), nullable=False),
        sa.Column("reader_id", sa.Uuid(), nullable=False),
        sa.Column("surface", sa.String(32), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("source", sa.String(), nullable=True),
        sa.Column("request_id", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name="fk_client_reads_organization_id"
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name="pk_client_reads"),
    )
    op.create_index(
        "ix_client_reads_organization_id_client_id_id",
        "client_reads",
        ["organization_id", "client_id", "id"],
    )


def downgrade() -> None:
    op.drop_table("client_reads")
    op.drop_table("audit_heads")
    op.drop_table("audit_events")
    if op.get_context().dialect.name == "postgresql":
        op.execute("DROP FUNCTION audit_events_stay()")
