"""What the audit trail reports of an answer: a record is safe before the answer leaves, and soon in the database."""

from typing import NamedTuple

import httpx
from sqlalchemy import create_engine, select

from radgate_server.adapters.database.schema.tables import audit_entries
from tests.e2e.radgate_process import RadgateProcess
from tests.e2e.waiting import wait_for


class Granted(NamedTuple):
    """The record that something was granted."""

    tenant_id: str
    key_id: str
    role: str
    action: str
    study_instance_uid: str
    address: str
    detail: str
    same_family_name: str


def granted(server: RadgateProcess, asked: httpx.Response | str) -> Granted:
    """The record of a request that was granted, once it has come; by its answer, or its x-request-id.

    That something was delivered, or broke off, is another record of the same request.
    """
    request_id = asked if isinstance(asked, str) else asked.headers["x-request-id"]
    columns = audit_entries.c  # which studies an answer listed is a record of its own
    is_it = (columns.request_id == request_id, columns.outcome == "granted", columns.action != "list")
    query = select(*(audit_entries.c[field] for field in Granted._fields)).where(*is_it)
    engine = create_engine(server.database_url)

    def look() -> Granted | None:
        with engine.connect() as connection:
            found = connection.execute(query).one_or_none()
        return None if found is None else Granted(*found)

    try:
        return wait_for(look, f"the record of request {request_id}")
    finally:
        engine.dispose()
