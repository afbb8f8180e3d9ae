"""A hash chain over each tenant's audit records, beginning after those that are there, and signed checkpoints."""

import time
from itertools import groupby

import sqlalchemy as sa
from alembic import op

from radgate_server.core.audit.chain import FIRST_WORDS, START, genesis, record_hash

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

row_number = sa.BigInteger().with_variant(sa.Integer, "sqlite")

# Of an insertion into audit_entries the rows of each tenant must go on where its chain ends, which moves with them. It
# is not a statement of the server's own, so that a batch is one statement: fewer ways to the database and, in Python,
# fewer waits for the interpreter's lock.
SQLITE_TRIGGER = """
CREATE TRIGGER audit_chain AFTER INSERT ON audit_entries
BEGIN
    UPDATE audit_heads SET sequence = NEW.sequence, record_hash = NEW.record_hash, time_us = NEW.time_us
    WHERE tenant_id = NEW.tenant_id AND sequence = NEW.sequence - 1;
    SELECT RAISE(ABORT, 'the audit chain has moved on') WHERE changes() <> 1;
END
"""
# Tenants in order, so that transactions wait for one another instead of being in each other's way.
POSTGRES_FUNCTION = """
CREATE FUNCTION radgate_audit_chain() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    one record;
BEGIN
    FOR one IN
        SELECT tenant_id, min(sequence) AS first, max(sequence) AS last, max(time_us) AS time_us,
            (array_agg(record_hash ORDER BY sequence DESC))[1] AS record_hash
        FROM fresh GROUP BY tenant_id ORDER BY tenant_id
    LOOP
        UPDATE audit_heads SET sequence = one.last, record_hash = one.record_hash, time_us = one.time_us
        WHERE tenant_id = one.tenant_id AND sequence = one.first - 1;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'the audit chain has moved on' USING ERRCODE = 'RGA01';
        END IF;
    END LOOP;
    RETURN NULL;
END $$
"""
POSTGRES_TRIGGER = """
CREATE TRIGGER audit_chain AFTER INSERT ON audit_entries REFERENCING NEW TABLE AS fresh
FOR EACH STATEMENT EXECUTE FUNCTION radgate_audit_chain()
"""
TRIGGERS = {"sqlite": (SQLITE_TRIGGER,), "postgresql": (POSTGRES_FUNCTION, POSTGRES_TRIGGER)}

entries = sa.table("audit_entries", *(sa.column(name) for name in ("number", "time_us", "size_bytes", *FIRST_WORDS)))
chained = sa.table(
    "audit_entries",
    *(sa.column(name) for name in ("sequence", "time_us", "size_bytes", *FIRST_WORDS)),
    sa.column("record_hash", sa.LargeBinary()),
)
heads = sa.table(
    "audit_heads",
    *(sa.column(name) for name in ("tenant_id", "sequence", "time_us")),
    sa.column("record_hash", sa.LargeBinary()),
)


def upgrade() -> None:
    add_to_audit_entries()
    create_audit_heads()
    create_audit_checkpoints()
    begin_chains()
    for statement in TRIGGERS[op.get_bind().dialect.name]:
        op.execute(statement)


def add_to_audit_entries() -> None:
    for column in (
        sa.Column(
            "sequence",
            sa.BigInteger(),
            nullable=False,
            server_default="0",
            comment="place in the tenant's chain, from 1",
        ),
        sa.Column(
            "record_hash",
            sa.LargeBinary(),
            comment="SHA-256 of the canonical form; null: from before there were chains",
        ),
        sa.Column(
            "size_bytes", sa.BigInteger(), nullable=False, server_default="-1", comment="-1: not known beforehand"
        ),
        sa.Column("outcome", sa.String(), nullable=False, server_default="granted"),
        sa.Column("principal", sa.String(), nullable=False, server_default=""),
        sa.Column("patient_id", sa.String(), nullable=False, server_default=""),
        sa.Column("pacs", sa.String(), nullable=False, server_default=""),
    ):
        op.add_column("audit_entries", column)


def create_audit_heads() -> None:
    op.create_table(
        "audit_heads",
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False, comment="of the last record; 0: none yet"),
        sa.Column("record_hash", sa.LargeBinary(), nullable=False),
        sa.Column("time_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", name="pk_audit_heads"),
    )


def create_audit_checkpoints() -> None:
    op.create_table(
        "audit_checkpoints",
        sa.Column("number", row_number, autoincrement=True, nullable=False),
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("record_hash", sa.LargeBinary(), nullable=False),
        sa.Column("time_us", sa.BigInteger(), nullable=False),
        sa.Column("previous_hash", sa.LargeBinary(), nullable=False),
        sa.Column("key_id", sa.String(), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_audit_checkpoints"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_audit_checkpoints_tenant_id_number", "audit_checkpoints", ["tenant_id", "number"])


def begin_chains() -> None:
    """Give each tenant that has records a first one that vouches for them as they are now."""
    connection = op.get_bind()
    columns = [entries.c[name] for name in ("time_us", "size_bytes", *FIRST_WORDS)]
    query = sa.select(*columns).order_by(entries.c.tenant_id, entries.c.number)
    rows = connection.execute(query.execution_options(yield_per=5000))
    found = []
    for tenant_id, of_tenant in groupby(rows, key=lambda row: row.tenant_id):
        count, digest = 0, START
        for time_us, size_bytes, *words in of_tenant:
            count, digest = count + 1, record_hash(digest, 0, time_us, size_bytes, words)
        found.append((tenant_id, count, digest))
    now_us = time.time_ns() // 1000
    for tenant_id, count, digest in found:
        first = genesis(tenant_id, now_us, count, digest)
        own_hash = record_hash(START, 1, *first)
        values = dict(zip(FIRST_WORDS, first.words, strict=True))
        connection.execute(
            sa.insert(chained).values(
                **values, sequence=1, time_us=now_us, size_bytes=first.size_bytes, record_hash=own_hash
            )
        )
        connection.execute(
            sa.insert(heads).values(tenant_id=tenant_id, sequence=1, record_hash=own_hash, time_us=now_us)
        )
