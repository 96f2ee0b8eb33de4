"""The first tables."""

import sqlalchemy as sa
from alembic import op

from models.base import ByCodePoint, Instant

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "organizations",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("slug", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("registration_open", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("contact_email", sa.String(), nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_organizations"),
        sa.UniqueConstraint("slug", name="uq_organizations_slug"),
    )
    op.create_table(
        "accounts",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("username", sa.String(), nullable=True),
        sa.Column("username_key", sa.String(), nullable=True),
        sa.Column("password_hash", sa.String(), nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.CheckConstraint(
            "(username_key IS NULL) = (password_hash IS NULL)"
            " AND (username_key IS NULL) = (username IS NULL)",
            name=op.f("ck_accounts_credentials_whole"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name="fk_accounts_organization_id"
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name="pk_accounts"),
        sa.UniqueConstraint(
            "organization_id", "username_key", name="uq_accounts_organization_id_username_key"
        ),
    )
    op.create_table(
        "search_words",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("word", ByCodePoint, nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "account_id"],
            ["accounts.organization_id", "accounts.id"],
            name="fk_search_words_organization_id_account_id",
        ),
        sa.PrimaryKeyConstraint("organization_id", "word", "account_id", name="pk_search_words"),
    )
    op.create_index(
        "ix_search_words_organization_id_account_id",
        "search_words",
        ["organization_id", "account_id"],
    )
    op.create_table(
        "departments",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("name_key", sa.String(), nullable=False),
        sa.Column("active", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name="fk_departments_organization_id"
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name="pk_departments"),
        sa.UniqueConstraint(
            "organization_id", "name_key", name="uq_departments_organization_id_name_key"
        ),
    )
    op.create_table(
        "sessions",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("surface", sa.String(32), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("refreshed_at", Instant(), nullable=False),
        sa.Column("access_expires_at", Instant(), nullable=False),
        sa.Column("refresh_expires_at", Instant(), nullable=False),
        sa.Column("ended_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(
            ["organization_id", "account_id"],
            ["accounts.organization_id", "accounts.id"],
            name="fk_sessions_organization_id_account_id",
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name="pk_sessions"),
        sa.UniqueConstraint("id", name="uq_sessions_id"),
    )
    op.create_index(
        "ix_sessions_organization_id_account_id", "sessions", ["organization_id", "account_id"]
    )

    op.create_table(
        "staff",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("status", sa.String(32), nullable=False),
        sa.Column("first_name", sa.String(), nullable=False),
        sa.Column("last_name", sa.String(), nullable=False),
        sa.Column("name_key", ByCodePoint, nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("email_key", sa.String(), nullable=False),
        sa.Column(
            "receive_new_client_notifications",
            sa.Boolean(),
            server_default=sa.true(),
            nullable=False,
        ),
        sa.Column("created_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "id"],
            ["accounts.organization_id", "accounts.id"],
            name="fk_staff_organization_id_id",
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name="pk_staff"),
        sa.UniqueConstraint(
            "organization_id", "email_key", name="uq_staff_organization_id_email_key"
        ),
    )
    op.create_index(
        "ix_staff_organization_id_status_name_key_id",
        "staff",
        ["organization_id", "status", "name_key", "id"],
    )

    op.create_table(
        "clients",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("status", sa.String(32), nullable=False),
        sa.Column("first_name", sa.String(), nullable=False),
        sa.Column("last_name", sa.String(), nullable=False),
        sa.Column("name_key", ByCodePoint, nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("email_key", sa.String(), nullable=False),
        sa.Column("phone", sa.String(), nullable=True),
        sa.Column("date_of_birth", sa.Date(), nullable=False),
        sa.Column("department_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("approved_at", Instant(), nullable=True),
        sa.Column("approved_by_id", sa.Uuid(), nullable=True),
        sa.Column("decided_at", Instant(), nullable=True),
        sa.Column("decided_by_id", sa.Uuid(), nullable=True),
        sa.Column("status_reason", sa.String(), nullable=True),
        sa.CheckConstraint(
            "(status <> 'ACTIVE') OR (approved_at IS NOT NULL AND department_id IS NOT NULL)",
            name=op.f("ck_clients_active_approved"),
        ),
        sa.CheckConstraint(
            "(status <> 'PENDING') OR (approved_at IS NULL)",
            name=op.f("ck_clients_pending_not_approved"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "decided_by_id"],
            ["staff.organization_id", "staff.id"],
            name="fk_clients_organization_id_decided_by_id",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "approved_by_id"],
            ["staff.organization_id", "staff.id"],
            name="fk_clients_organization_id_approved_by_id",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "department_id"],
            ["departments.organization_id", "departments.id"],
            name="fk_clients_organization_id_department_id",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "id"],
            ["accounts.organization_id", "accounts.id"],
            name="fk_clients_organization_id_id",
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name="pk_clients"),
        sa.UniqueConstraint(
            "organization_id", "email_key", name="uq_clients_organization_id_email_key"
        ),
        sa.UniqueConstraint(
            "organization_id",
            "status",
            "name_key",
            "id",
            name="uq_clients_organization_id_status_name_key_id",
        ),
    )
    op.create_index(
        "ix_clients_organization_id_department_id_status_name_key_id",
        "clients",
        ["organization_id", "department_id", "status", "name_key", "id"],
    )
    op.create_index(
        "ix_clients_organization_id_status_id", "clients", ["organization_id", "status", "id"]
    )
    op.create_index(
        "ix_clients_organization_id_department_id_status_id",
        "clients",
        ["organization_id", "department_id", "status", "id"],
    )

    op.create_table(
        "role_grants",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("department_id", sa.Uuid(), nullable=True),
        sa.Column("role", sa.String(32), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.CheckConstraint(
            "(role = 'ORGANIZATION_ADMINISTRATOR') = (department_id IS NULL)",
            name=op.f("ck_role_grants_boundary"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "department_id"],
            ["departments.organization_id", "departments.id"],
            name="fk_role_grants_organization_id_department_id",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "staff_id"],
            ["staff.organization_id", "staff.id"],
            name="fk_role_grants_organization_id_staff_id",
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name="pk_role_grants"),
        sa.UniqueConstraint(
            "organization_id",
            "staff_id",
            "department_id",
            "role",
            name="uq_role_grants_organization_id_staff_id_department_id_role",
        ),
    )
    op.create_index(
        "ix_role_grants_organization_id_department_id_staff_id",
        "role_grants",
        ["organization_id", "department_id", "staff_id"],
    )
    op.create_index(
        "uq_role_grants_organization_administrator",
        "role_grants",
        ["organization_id", "staff_id"],
        unique=True,
        postgresql_where=sa.text("department_id IS NULL"),
        sqlite_where=sa.text("department_id IS NULL"),
    )

    op.create_table(
        "associations",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.Uuid(), nullable=False),
        sa.Column("client_status", sa.String(32), nullable=False),
        sa.Column("client_name_key", ByCodePoint, nullable=False),
        sa.Column("practitioner_id", sa.Uuid(), nullable=False),
        sa.Column("department_id", sa.Uuid(), nullable=False),
        sa.Column("role", sa.String(32), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.CheckConstraint("role = 'PRACTITIONER'", name=op.f("ck_associations_practitioner")),
        sa.ForeignKeyConstraint(
            ["organization_id", "client_status", "client_name_key", "client_id"],
            ["clients.organization_id", "clients.status", "clients.name_key", "clients.id"],
            name="fk_associations_client",
            onupdate="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "practitioner_id", "department_id", "role"],
            [
                "role_grants.organization_id",
                "role_grants.staff_id",
                "role_grants.department_id",
                "role_grants.role",
            ],
            name="fk_associations_practitioner",
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name="pk_associations"),
        sa.UniqueConstraint(
            "organization_id",
            "client_id",
            "practitioner_id",
            name="uq_associations_organization_id_client_id_practitioner_id",
        ),
    )
    op.create_index(
        "ix_associations_by_client_name",
        "associations",
        [
            "organization_id",
            "department_id",
            "client_status",
            "client_name_key",
            "client_id",
        ],
    )
    op.create_index(
        "ix_associations_by_client",
        "associations",
        ["organization_id", "department_id", "client_status", "client_id"],
    )
    op.create_index(
        "ix_associations_organization_id_practitioner_id_id",
        "associations",
        ["organization_id", "practitioner_id", "id"],
    )

    op.create_table(
        "registrations",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("first_name", sa.String(), nullable=False),
        sa.Column("last_name", sa.String(), nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("email_key", sa.String(), nullable=False),
        sa.Column("date_of_birth", sa.Date(), nullable=False),
        sa.Column("phone", sa.String(), nullable=True),
        sa.Column("department_id", sa.Uuid(), nullable=True),
        sa.Column("client_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("ended_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(
            ["organization_id", "client_id"],
            ["clients.organization_id", "clients.id"],
            name="fk_registrations_organization_id_client_id",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "department_id"],
            ["departments.organization_id", "departments.id"],
            name="fk_registrations_organization_id_department_id",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name="fk_registrations_organization_id"
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name="pk_registrations"),
    )
    op.create_index(
        "ix_registrations_organization_id_email_key",
        "registrations",
        ["organization_id", "email_key"],
    )

    op.create_table(
        "links",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("purpose", sa.String(32), nullable=False),
        sa.Column("registration_id", sa.Uuid(), nullable=True),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column("email", sa.String(), nullable=True),
        sa.Column("email_key", sa.String(), nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("expires_at", Instant(), nullable=False),
        sa.Column("used_at", Instant(), nullable=True),
        sa.Column("superseded_at", Instant(), nullable=True),
        sa.CheckConstraint(
            "(email IS NULL) = (email_key IS NULL)", name=op.f("ck_links_email_whole")
        ),
        sa.CheckConstraint(
            "(registration_id IS NULL) <> (account_id IS NULL)",
            name=op.f("ck_links_one_registration_or_account"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "account_id"],
            ["accounts.organization_id", "accounts.id"],
            name="fk_links_organization_id_account_id",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "registration_id"],
            ["registrations.organization_id", "registrations.id"],
            name="fk_links_organization_id_registration_id",
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name="pk_links"),
        sa.UniqueConstraint("id", name="uq_links_id"),
    )
    op.create_index(
        "ix_links_organization_id_account_id", "links", ["organization_id", "account_id"]
    )
    op.create_index(
        "ix_links_organization_id_registration_id", "links", ["organization_id", "registration_id"]
    )

    op.create_table(
        "letters",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("recipient", sa.String(), nullable=False),
        sa.Column("contents", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("link_id", sa.Uuid(), nullable=True),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("lease", sa.Uuid(), nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("due_at", Instant(), nullable=False),
        sa.Column("done_at", Instant(), nullable=True),
        sa.Column("error", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ["organization_id", "link_id"],
            ["links.organization_id", "links.id"],
            name="fk_letters_organization_id_link_id",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name="fk_letters_organization_id"
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name="pk_letters"),
    )
    op.create_index("ix_letters_state_due_at", "letters", ["state", "due_at"])


def downgrade() -> None:

    op.drop_table("letters")

    op.drop_table("links")

    op.drop_table("registrations")

    op.drop_table("associations")

    op.drop_table("role_grants")

    op.drop_table("clients")

    op.drop_table("staff")

    op.drop_table("sessions")
    op.drop_table("departments")
    op.drop_table("search_words")
    op.drop_table("accounts")
    op.drop_table("organizations")
