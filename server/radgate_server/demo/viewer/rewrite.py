"""OHIF's build is made for the root of a host, and for an archive that stores; these rules change both.

They move it below a prefix, and hide what would store: the demo's key only reads, and OHIF has no setting for it.
Pure: bytes in, bytes out.
"""

import re
from collections.abc import Callable

PREFIX = "/viewer/"
_PREFIX = PREFIX.encode()

_LINK = re.compile(rb'((?:href|src|content)=")/(?!/)')
_SERVICE_WORKER = re.compile(rb'<script[^>]*src="[^"]*init-service-worker\.js"></script>')
_PUBLIC_URL = re.compile(rb"(window\.PUBLIC_URL = ')/(?=')")
_WEBPACK_ROOT = re.compile(rb'(__webpack_require__\.p ?= ?")/(?=")')
_MANIFEST_LINK = re.compile(rb'("(?:src|start_url)": ?")/(?!/)')
_CSS_URL = re.compile(rb"(url\([\"']?)/(?!/)")

_HIDDEN = b'className: "hidden"'
_CREATE_SR = re.compile(
    rb'className: "[^"]*"(?=,\s+onClick: e => \{\s+e\.stopPropagation\(\);\s+if \(actions\?\.createSR\))'
)
_EXPORT_LABEL = re.compile(rb'className: "flex items-center pl-0"(?=\s+\}, [^"]{1,99}\.Export, )')
_EXPORT_ITEM = re.compile(rb"(?=onClick: e => \{\s+e\.preventDefault\(\);\s+actions\.storeSegmentation\()")


def _page(content: bytes) -> bytes:
    # A service worker would continue answering for the viewer after the demo has ended.
    without_worker = _SERVICE_WORKER.sub(b"", content)
    return _PUBLIC_URL.sub(rb"\g<1>" + _PREFIX, _LINK.sub(rb"\g<1>" + _PREFIX, without_worker))


def _script(content: bytes) -> bytes:
    for stores in (_CREATE_SR, _EXPORT_LABEL):
        content = stores.sub(_HIDDEN, content)
    content = _EXPORT_ITEM.sub(_HIDDEN + b", ", content)
    return _WEBPACK_ROOT.sub(rb"\g<1>" + _PREFIX, content)


def _style(content: bytes) -> bytes:
    return _CSS_URL.sub(rb"\g<1>" + _PREFIX, content)


def _manifest(content: bytes) -> bytes:
    return _MANIFEST_LINK.sub(rb"\g<1>" + _PREFIX, content)


RULES: dict[str, Callable[[bytes], bytes]] = {".html": _page, ".js": _script, ".css": _style, ".json": _manifest}


def rewrite(suffix: str, content: bytes) -> bytes:
    """Return a file's content as it must be below PREFIX; `suffix` is its name's, such as ".js"."""
    rule = RULES.get(suffix)
    return rule(content) if rule else content
