"""The second factor of staff, and whether an organization requires one."""

import sqlalchemy as sa
from alembic import op

from models.base import Instant

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "second_factors",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("confirmed_at", Instant(), nullable=True),
        sa.Column("last_step", sa.Integer(), nullable=True),
        sa.Column("wrong_codes", sa.Integer(), nullable=False),
        sa.Column("paused_until", Instant(), nullable=True),
        sa.CheckConstraint(
            "(confirmed_at IS NULL) = (last_step IS NULL)",
            name=op.f("ck_second_factors_confirmed_by_a_code"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "id"],
            ["staff.organization_id", "staff.id"],
            name="fk_second_factors_organization_id_id",
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name="pk_second_factors"),
    )
    op.create_table(
        "recovery_codes",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("hash", sa.LargeBinary(32), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "staff_id"],
            ["second_factors.organization_id", "second_factors.id"],
            name="fk_recovery_codes_organization_id_staff_id",
        ),
        sa.PrimaryKeyConstraint("organization_id", "staff_id", "hash", name="pk_recovery_codes"),
    )
    with op.batch_alter_table("organizations") as organizations:
        organizations.add_column(
            sa.Column(
                "second_factor_required", sa.Boolean(), server_default=sa.false(), nullable=False
            )
        )


def downgrade() -> None:
    with op.batch_alter_table("organizations") as organizations:
        organizations.drop_column("second_factor_required")
    op.drop_table("recovery_codes")
    op.drop_table("second_factors")
