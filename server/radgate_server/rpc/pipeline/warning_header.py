"""The form of a Warning header (RFC 7234 5.5, PS3.18 8.4.2)."""

import re

_UNSAFE = re.compile(r'[^\x20-\x7e]|["\\]')
_MAX_TEXT_LENGTH = 400


def warning_header(text: str) -> tuple[str, str]:
    """A `warning` metadata entry of the miscellaneous persistent kind (299)."""
    return "warning", f'299 radgate "{_UNSAFE.sub("?", text)[:_MAX_TEXT_LENGTH]}"'
