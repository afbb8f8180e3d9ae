"""Query strings with named parameters, each of which comes once (PS3.18 8.3)."""

from collections.abc import Container
from urllib.parse import unquote

from radgate_server.core.errors import InvalidArgumentError


def query_of(original_path: str) -> str:
    """The query string of a request's path, as it came."""
    return original_path.partition("?")[2]


def parse_parameters(query: str, names: Container[str]) -> dict[str, str]:
    """The values of the parameters in `names`; all others are ignored, as the standard wants it (PS3.18 8.3).

    Raises:
        InvalidArgumentError: naming the parameter that is given twice, or is not UTF-8.
    """
    values: dict[str, str] = {}
    for pair in query.split("&"):
        name, _, value = pair.partition("=")
        if name not in names:
            continue
        if name in values:
            raise InvalidArgumentError(name, "is given more than once")
        try:
            values[name] = unquote(value, errors="strict")  # not as a form: + is no space in application/dicom+xml
        except UnicodeDecodeError:
            raise InvalidArgumentError(name, "must be UTF-8, percent-encoded") from None
    return values
