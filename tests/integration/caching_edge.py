"""nginx as an edge: verifies signed URLs as CloudFront does (canned policy), caches, and adds the origin's secret."""

import subprocess
import threading
import time
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.e2e.waiting import wait_for
from tests.integration.ports import free_port

_CONFIGURATION = """
daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{}}
http {{
  # The format that `radgate audit import-edge-log` reads.
  log_format radgate '$remote_addr - - [$time_local] "$request" $status $body_bytes_sent "$http_referer" '
    '"$http_user_agent" $request_id $upstream_cache_status';
  access_log {folder}/access.log radgate;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  proxy_cache_path {folder}/cache keys_zone=edge:1m;
  # CloudFront takes away what it verified, and its cache policy leaves the grant out of the key.
  map $request_uri $origin_uri {{ "~^(?<kept>.*)[?&]Expires=" $kept; }}
  map $request_uri $cached_as {{ "~^(?<kept>.*)[?&]grant=" $kept; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      auth_request /verify;
      proxy_pass {origin}$origin_uri; proxy_http_version 1.1;
      proxy_set_header X-Edge-Secret {secret};
      proxy_cache edge; proxy_cache_key $cached_as; proxy_force_ranges on;
      add_header X-Cache $upstream_cache_status always;
    }}
    location = /verify {{
      internal; proxy_pass http://127.0.0.1:{verifier}; proxy_set_header X-Url {url}$request_uri;
      proxy_pass_request_body off; proxy_set_header Content-Length "";
    }}
  }}
}}
"""


def make_key(path: Path) -> RSAPrivateKey:
    """A new key, also written to the file."""
    key = generate_private_key(65537, 2048)
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return key


def is_valid(url: str, key: RSAPublicKey) -> bool:
    """Whether CloudFront would admit it."""
    resource, _, tail = url.partition("&Expires=")
    try:
        end_s, signature, _ = _fields(tail)
        signed = b64decode(signature.translate(str.maketrans("-_~", "+=/")))
        policy = (
            f'{{"Statement":[{{"Resource":"{resource}","Condition":{{"DateLessThan":{{"AWS:EpochTime":{end_s}}}}}}}]}}'
        )
        key.verify(signed, policy.encode(), PKCS1v15(), SHA1())
    except (ValueError, InvalidSignature):
        return False
    return time.time() < int(end_s)


def _fields(tail: str) -> tuple[str, str, str]:
    end_s, _, rest = tail.partition("&Signature=")
    signature, _, pair = rest.partition("&Key-Pair-Id=")
    return end_s, signature, pair


@contextmanager
def running_edge(folder: Path, port: int, origin: str, secret: str, key: RSAPublicKey) -> Iterator[str]:
    """Its address; `port` is where it listens."""
    url = f"http://127.0.0.1:{port}"

    class Verifier(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(204 if is_valid(self.headers["X-Url"], key) else 403)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            """It writes nothing."""

    verifier = ThreadingHTTPServer(("127.0.0.1", free_port()), Verifier)
    thread = threading.Thread(target=verifier.serve_forever)
    thread.start()
    folder.mkdir()
    configuration = folder / "nginx.conf"
    configuration.write_text(
        _CONFIGURATION.format(
            folder=folder, port=port, origin=origin, secret=secret, verifier=verifier.server_port, url=url
        )
    )
    process = subprocess.Popen(["nginx", "-p", str(folder), "-c", str(configuration), "-e", str(folder / "error.log")])
    try:
        wait_for(lambda: _listens(url), "nginx listens", 30)
        yield url
    finally:
        process.terminate()
        process.wait(30)
        verifier.shutdown()
        verifier.server_close()
        thread.join()


def _listens(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False).status_code == 403
    except httpx.TransportError:
        return False
