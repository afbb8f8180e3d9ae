"""Lines of an edge's access log: CloudFront's standard log (tabs, named by #Fields), and nginx's."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import unquote

FIELDS = "#Fields:"
_NGINX = re.compile(
    r'(?P<address>\S+) \S+ \S+ \[(?P<time>[^\]]+)\] "[A-Z]+ (?P<path>\S+) HTTP/[0-9.]+" (?P<status>\d{3}) (?P<size>\d+)'
    r' "[^"]*" "(?P<agent>[^"]*)" (?P<id>[0-9a-f]{32}) (?P<result>[A-Z-]+)'
)
_WORD = re.compile(r"[A-Za-z-]{1,32}")
_MOST_AGENT = 256
_MOST_ID = 100


class EdgeAccess(NamedTuple):
    """One request that the edge answered. `path` has the query, as it was signed; `result` is "Hit", "MISS" and such.

    `status` is 0 where the client left before it was sent.
    """

    time: datetime
    address: str
    path: str
    status: int
    size_bytes: int
    user_agent: str
    request_id: str
    result: str


def fields_of(line: str) -> tuple[str, ...]:
    """The names of the columns, from a line that begins with FIELDS."""
    return tuple(line.removeprefix(FIELDS).split())


def parse_cloudfront(line: str, fields: tuple[str, ...]) -> EdgeAccess:
    """Read a line of CloudFront's standard log. Raises ValueError for anything else."""
    values = line.split("\t")
    if not fields or len(values) != len(fields):
        raise ValueError("it has other columns than #Fields names")
    row = dict(zip(fields, values, strict=True))
    try:
        return _cloudfront_access(row)
    except KeyError as missing:
        raise ValueError(f"the log has no field {missing}") from None


def _cloudfront_access(row: Mapping[str, str]) -> EdgeAccess:
    time = datetime.strptime(f"{row['date']} {row['time']}", "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    query = "" if row["cs-uri-query"] == "-" else f"?{row['cs-uri-query']}"
    return EdgeAccess(
        time,
        _word(row["c-ip"], 64),
        f"{row['cs-uri-stem']}{query}",
        int(row["sc-status"]),
        int(row["sc-bytes"]),
        _agent(unquote(unquote(row["cs(User-Agent)"]))),  # a space is written as %2520
        _word(row["x-edge-request-id"], _MOST_ID),
        _result(row["x-edge-result-type"]),
    )


def parse_nginx(line: str) -> EdgeAccess:
    """Read a line of nginx's `combined` log with `$request_id $upstream_cache_status` behind it. Raises ValueError."""
    found = _NGINX.fullmatch(line)
    if found is None:
        raise ValueError("it is no line of the combined log with $request_id and $upstream_cache_status")
    return EdgeAccess(
        datetime.strptime(found["time"], "%d/%b/%Y:%H:%M:%S %z").astimezone(UTC),
        _word(found["address"], 64),
        found["path"],
        int(found["status"]),
        int(found["size"]),
        _agent(found["agent"]),
        found["id"],
        _result(found["result"]),
    )


def _word(text: str, most: int) -> str:
    if not (0 < len(text) <= most and text.isprintable() and text != "-"):
        raise ValueError("a column is empty or too long")
    return text


def _agent(text: str) -> str:
    return "".join(filter(str.isprintable, text))[:_MOST_AGENT]


def _result(text: str) -> str:
    if not _WORD.fullmatch(text):
        raise ValueError("the result is no word")
    return text
