"""What PostgreSQL itself recorded of jobs: each state that was written, in the order of writing."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence

import psycopg

_RECORD = """
CREATE TABLE drill_states (number bigserial, request_id text, job_id text, state text);
CREATE FUNCTION drill_record() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO drill_states (request_id, job_id, state) VALUES (NEW.request_id, NEW.job_id, NEW.state);
    RETURN NEW;
END $$;
CREATE TRIGGER drill_states AFTER INSERT OR UPDATE OF state ON jobs FOR EACH ROW EXECUTE FUNCTION drill_record();
"""
_ONCE = re.compile(r"waiting (running waiting )*running succeeded")


def record_states(url: str) -> None:
    """From now on, record every state that is written to a job, also when it is the one that it had."""
    with _connected(url) as connection:
        connection.execute(_RECORD)


def states_written(url: str) -> Mapping[str, Sequence[str]]:
    """By request: the states, oldest first. A second job of a request would have its own among them."""
    found: dict[str, list[str]] = defaultdict(list)
    with _connected(url) as connection:
        for request_id, state in connection.execute("SELECT request_id, state FROM drill_states ORDER BY number"):
            found[request_id].append(state)
    return found


def unfinished(url: str) -> int:
    """How many jobs have not ended."""
    with _connected(url) as connection:
        row = connection.execute("SELECT count(*) FROM jobs WHERE end_time IS NULL").fetchone()
    assert row is not None
    return int(row[0])


def took_effect_once(states: Sequence[str]) -> bool:
    """Whether one job was taken, never run by two processes at a time, and succeeded once."""
    return _ONCE.fullmatch(" ".join(states)) is not None


def _connected(url: str) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(url.replace("+psycopg", ""), autocommit=True)
