"""What a web server says of itself in the header Server (RFC 9110 10.2.4)."""

import re
from collections.abc import Mapping

_PRODUCT = re.compile(r"([A-Za-z0-9!#$%&'*+.^_`|~-]{1,64})(?:/([A-Za-z0-9.+_-]{1,32}))?")


def product_of(headers: Mapping[str, str]) -> tuple[str, str]:
    """Name and version, "" where it does not state them."""
    match = _PRODUCT.match(headers.get("server", ""))
    return (match[1], match[2] or "") if match else ("", "")
