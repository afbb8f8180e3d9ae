"""What the viewer's server answers, apart from how it is sent."""

import re
from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from radgate_server.demo.viewer.app_config import app_config
from radgate_server.demo.viewer.rewrite import PREFIX, rewrite

MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".jpg": "image/jpeg",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".mjs": "text/javascript; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".ttf": "font/ttf",
    ".wasm": "application/wasm",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
    ".xml": "application/xml",
}

_NOT_SERVED = frozenset({"sw.js", "init-service-worker.js"})
_HASHED = re.compile(r"[0-9a-f]{16,}")
_LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})

# The viewer shares memory with its workers, which browsers grant to isolated pages only; and it talks to this
# origin alone, whatever its parts would like to load from elsewhere.
HEADERS = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": (
        "default-src 'self' blob: data:; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
        "style-src 'self' 'unsafe-inline'; worker-src 'self' blob:; object-src 'self' blob:; frame-ancestors 'self'"
    ),
}


@dataclass(frozen=True, slots=True)
class Answer:
    """A response."""

    status: HTTPStatus
    headers: dict[str, str]
    body: bytes


class Site:
    """The files of OHIF's build in the folder `dist`, below PREFIX.

    `key` is an API key that may view the demo's tenant; pages hand it to the browser as a cookie that scripts can't
    read and that only reads of /dicom-web carry (docs/demo-viewer.md). With `htj2k` the viewer asks for HTJ2K.
    """

    def __init__(self, dist: Path, key: str, *, htj2k: bool = False) -> None:
        # Only what is listed here can be served, so no path leads out of the folder.
        self._files = {
            file.relative_to(dist).as_posix(): file
            for file in dist.rglob("*")
            if file.suffix in MEDIA_TYPES and file.name not in _NOT_SERVED and file.is_file()
        }
        self._key = key
        self._htj2k = htj2k

    def answer(self, host: str, target: str) -> Answer:
        """Answer a GET of the request target `target`, asked with the header `Host: host`."""
        if urlsplit(f"//{host}").hostname not in _LOCAL_HOSTS:
            return _plain(HTTPStatus.MISDIRECTED_REQUEST)
        path = unquote(urlsplit(target).path)
        if not path.startswith(PREFIX):
            return _plain(HTTPStatus.NOT_FOUND)
        name = path.removeprefix(PREFIX)
        if name == "app-config.js":
            return _content(".js", app_config(htj2k=self._htj2k), "no-cache")
        file = self._files.get(name)
        if file is not None and name != "index.html":
            return _content(file.suffix, _load(file), _cache_control(file.name))
        if PurePosixPath(name).suffix in MEDIA_TYPES and name != "index.html":
            return _plain(HTTPStatus.NOT_FOUND)
        return self._page()

    def _page(self) -> Answer:
        """The one page: the viewer's own routes, such as /viewer/viewer?StudyInstanceUIDs=1.2.3, all start with it."""
        page = self._files.get("index.html")
        if page is None:
            return _plain(HTTPStatus.NOT_FOUND)
        answer = _content(".html", _load(page), "no-store")
        answer.headers["Set-Cookie"] = f"radgate_demo={self._key}; Path=/dicom-web; HttpOnly; SameSite=Strict"
        return answer


@lru_cache(maxsize=256)
def _load(file: Path) -> bytes:
    return rewrite(file.suffix, file.read_bytes())


def _cache_control(name: str) -> str:
    return "max-age=31536000, immutable" if _HASHED.search(name) else "no-cache"


def _content(suffix: str, body: bytes, cache_control: str) -> Answer:
    headers = {"Content-Type": MEDIA_TYPES[suffix], "Cache-Control": cache_control, **HEADERS}
    return Answer(HTTPStatus.OK, headers, body)


def _plain(status: HTTPStatus) -> Answer:
    return Answer(status, {"Content-Type": "text/plain", **HEADERS}, status.phrase.encode())
