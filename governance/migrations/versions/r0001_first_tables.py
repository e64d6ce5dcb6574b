"""The tables that registers had before they had numbers; what is there already stays as it is."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from governance.database import guard

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Makes the tables of ledger, measurements, verdicts and parts, and guards them."""
    op.create_table(
        "event",
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
        *_texts("at", "actor", "kind", "subject", "body", "leaf", "entry", nullable=False),
        if_not_exists=True,
    )
    op.create_table(
        "measurement",
        *_texts("id", primary_key=True),
        sa.Column("seq", sa.Integer, sa.ForeignKey("event.seq"), nullable=False),
        *_texts("system", "batch", nullable=False),
        *_texts("metric", "column", "segment", "unit", "method", "reference", "against", "reason"),
        *_floats("value", "low", "high", "alpha", "noise_floor", "detectable"),
        sa.Column("n", sa.Integer, nullable=False),
        sa.Column("broken", sa.Boolean, nullable=False),
        *_texts("as_known_on", nullable=False),
        if_not_exists=True,
    )
    op.create_table(
        "verdict",
        *_texts("id", primary_key=True),
        sa.Column("seq", sa.Integer, sa.ForeignKey("event.seq"), nullable=False),
        sa.Column("measurement", sa.Text, sa.ForeignKey("measurement.id"), nullable=False),
        *_texts("system", "batch", "criterion", "segment", "verdict", nullable=False),
        *_texts("direction", "severity", "reason", nullable=False),
        *_floats("value", "low", "high", "warn", "limit", "noise_floor", "family_alpha"),
        sa.Column("n", sa.Integer, nullable=False),
        sa.Column("family_size", sa.Integer, nullable=False),
        *_texts("assessment", nullable=False),
        if_not_exists=True,
    )
    op.create_table(
        "part",
        *_texts("id", primary_key=True),
        sa.Column("seq", sa.Integer, sa.ForeignKey("event.seq"), nullable=False),
        sa.Column("measurement", sa.Text, sa.ForeignKey("measurement.id"), nullable=False),
        *_texts("system", "batch", "kind", "by", nullable=False),
        *_texts("about", "note"),
        sa.Column("value", sa.Float, nullable=False),
        *_floats("share", "before", "after"),
        sa.Column("n", sa.Integer),
        if_not_exists=True,
    )
    op.create_index("event_by_subject", "event", ["kind", "subject"], if_not_exists=True)
    for table in ("measurement", "verdict", "part"):
        op.create_index(f"{table}_by_batch", table, ["system", "batch", "seq"], if_not_exists=True)
        guard(op.get_bind(), table, "id")
    guard(op.get_bind(), "event", "seq")


def _texts(*names: str, **how: bool) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text, **how) for name in names]  # type: ignore[arg-type]


def _floats(*names: str) -> list[sa.Column[float]]:
    return [sa.Column(name, sa.Float) for name in names]
