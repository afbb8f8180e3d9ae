"""The demo's viewer: moved below a prefix, and served without letting anything else out."""

import base64
import hashlib
import tarfile
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from pathlib import Path

import pytest

from radgate_server.demo.viewer import install
from radgate_server.demo.viewer.app_config import app_config
from radgate_server.demo.viewer.install import find_or_install_ohif, is_genuine, unpack
from radgate_server.demo.viewer.rewrite import rewrite
from radgate_server.demo.viewer.site import Site

PAGE = (
    b'<meta content="/assets/tile.png"/><script>window.PUBLIC_URL = \'/\';</script><link href="/app.css">'
    b'<script type="module" src="/init-service-worker.js"></script><script src="/app.js"></script>'
    b'<a href="//elsewhere">'
)


def test_the_page_points_below_the_prefix() -> None:
    assert rewrite(".html", PAGE) == (
        b"<meta content=\"/viewer/assets/tile.png\"/><script>window.PUBLIC_URL = '/viewer/';</script>"
        b'<link href="/viewer/app.css"><script src="/viewer/app.js"></script><a href="//elsewhere">'
    )


@pytest.mark.parametrize(
    ("suffix", "content", "expected"),
    [
        (".js", b'__webpack_require__.p = "/";', b'__webpack_require__.p = "/viewer/";'),
        (".js", b'a.p="/x"', b'a.p="/x"'),
        (".css", b"url(/a.woff2) url(data:x)", b"url(/viewer/a.woff2) url(data:x)"),
        (".json", b'{"src": "/a.png"}', b'{"src": "/viewer/a.png"}'),
        (".wasm", b'href="/', b'href="/'),
    ],
)
def test_other_files_load_from_below_the_prefix(suffix: str, content: bytes, expected: bytes) -> None:
    assert rewrite(suffix, content) == expected


CREATE_SR = b"""{
    className: "pl-0.5",
    onClick: e => {
      e.stopPropagation();
      if (actions?.createSR) {"""
EXPORT = b"""{
    className: "flex items-center pl-0"
  }, react.createElement(Icons.Export, { className: "h-5" }), {
    onClick: e => {
      e.preventDefault();
      actions.storeSegmentation(segmentationId, 'SEG');"""
DELETE = CREATE_SR.replace(b"createSR", b"onDelete")


def test_what_would_store_is_hidden() -> None:
    assert rewrite(".js", CREATE_SR) == CREATE_SR.replace(b"pl-0.5", b"hidden")
    hidden = EXPORT.replace(b"flex items-center pl-0", b"hidden")
    assert rewrite(".js", EXPORT) == hidden.replace(b"onClick", b'className: "hidden", onClick')
    assert rewrite(".js", DELETE) == DELETE


@pytest.mark.parametrize("htj2k", [False, True])
def test_the_viewer_asks_this_gateway_only(htj2k: bool) -> None:
    text = app_config(htj2k=htj2k).decode()
    assert '"qidoRoot": "/dicom-web"' in text
    assert "http" not in text
    assert ("transfer-syntax=1.2.840.10008.1.2.4.202" in text) == htj2k


@pytest.fixture
def site(tmp_path: Path) -> Site:
    dist = tmp_path / "dist"
    (dist / "assets").mkdir(parents=True)
    (dist / "index.html").write_bytes(PAGE)
    (dist / "app.bundle.0123456789abcdef.js").write_bytes(b"run()")
    (dist / "assets" / "codec.wasm").write_bytes(b"\0asm")
    (dist / "sw.js").write_bytes(b"")
    (tmp_path / "secret.js").write_bytes(b"secret")
    return Site(dist, "rg_key")


@pytest.mark.parametrize("target", ["/viewer/", "/viewer/viewer?StudyInstanceUIDs=1.2.3", "/viewer/index.html"])
def test_every_route_of_the_viewer_is_its_page_with_the_key(site: Site, target: str) -> None:
    answer = site.answer("localhost:8080", target)
    assert answer.status is HTTPStatus.OK
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Set-Cookie"] == "radgate_demo=rg_key; Path=/dicom-web; HttpOnly; SameSite=Strict"


@pytest.mark.parametrize(
    ("target", "media_type", "cache_control"),
    [
        ("/viewer/app.bundle.0123456789abcdef.js", "text/javascript; charset=utf-8", "max-age=31536000, immutable"),
        ("/viewer/assets/codec.wasm", "application/wasm", "no-cache"),
        ("/viewer/app-config.js", "text/javascript; charset=utf-8", "no-cache"),
    ],
)
def test_files_have_their_media_type_and_no_key(site: Site, target: str, media_type: str, cache_control: str) -> None:
    answer = site.answer("127.0.0.1:8080", target)
    assert (answer.status, answer.headers["Content-Type"]) == (HTTPStatus.OK, media_type)
    assert answer.headers["Cache-Control"] == cache_control
    assert answer.headers["Cross-Origin-Embedder-Policy"] == "require-corp"
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize(
    "target",
    ["/viewer/../secret.js", "/viewer/%2e%2e/secret.js", "/viewer//etc/passwd.js", "/viewer/sw.js", "/secret.js", "/"],
)
def test_nothing_else_is_served(site: Site, target: str) -> None:
    answer = site.answer("localhost", target)
    assert answer.status is HTTPStatus.NOT_FOUND
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example:8080", ""])
def test_a_foreign_name_gets_no_key(site: Site, host: str) -> None:
    answer = site.answer(host, "/viewer/")
    assert answer.status is HTTPStatus.MISDIRECTED_REQUEST
    assert "Set-Cookie" not in answer.headers


def test_a_viewer_that_is_there_is_not_fetched(tmp_path: Path) -> None:
    (tmp_path / "ohif-3.12.10").mkdir()
    (tmp_path / "ohif-3.12.10" / "index.html").touch()
    said: list[str] = []
    assert find_or_install_ohif(tmp_path, said.append) == tmp_path / "ohif-3.12.10"
    assert said == []


def test_without_npm_one_line_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    said: list[str] = []
    assert find_or_install_ohif(tmp_path, said.append) is None
    assert len(said) == 1
    assert "apt-get install npm" in said[0]


def test_two_who_want_the_viewer_at_once_fetch_it_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page, fetched = tmp_path / "index.html", tmp_path / "fetched"
    page.touch()
    archive = tmp_path / "app.tgz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(page, "package/dist/index.html")
    npm = tmp_path / "npm"
    npm.write_text(f'#!/bin/sh\necho >> {fetched}\nfor last; do :; done\ncp {archive} "$last"\n')
    npm.chmod(0o700)
    monkeypatch.setattr(install.shutil, "which", lambda _name: str(npm))
    monkeypatch.setattr(install, "is_genuine", lambda _archive: True)
    tools = tmp_path / "tools"
    with ThreadPoolExecutor(2) as threads:
        found = list(threads.map(lambda _: find_or_install_ohif(tools, lambda _line: None), range(2)))
    assert found == [tools / "ohif-3.12.10"] * 2
    assert fetched.read_text() == "\n"


def test_the_build_alone_is_unpacked(tmp_path: Path) -> None:
    for name in ("index.html", "app.js.map", "README.md"):
        (tmp_path / name).write_text(name)
    archive = tmp_path / "a.tgz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(tmp_path / "index.html", "package/dist/assets/index.html")
        tar.add(tmp_path / "app.js.map", "package/dist/app.js.map")
        tar.add(tmp_path / "README.md", "package/README.md")
    unpack(archive, tmp_path / "out")
    assert [file.relative_to(tmp_path / "out").as_posix() for file in (tmp_path / "out").rglob("*.*")] == [
        "assets/index.html"
    ]


def test_another_archive_is_not_genuine(tmp_path: Path) -> None:
    archive = tmp_path / "a.tgz"
    archive.write_bytes(b"something")
    assert not is_genuine(archive)
    assert is_genuine(archive, base64.b64encode(hashlib.sha512(b"something").digest()).decode())
