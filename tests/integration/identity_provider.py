"""A real OpenID Connect provider (oidc-provider-mock) as a process: discovery, keys, authorisation code, tokens."""

import json
import subprocess
import sys
import time
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import httpx

from tests.integration.ports import free_port

_START_S = 60.0


@dataclass
class IdentityProvider:
    """Start it by `with provider:`. `users` are their claims, "sub" among them. Each start makes a new key."""

    users: tuple[dict[str, Any], ...]
    port: int = field(default_factory=free_port)
    token_max_age_s: int = 3600
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def issuer(self) -> str:
        """Its identifier, and where it is."""
        return f"http://127.0.0.1:{self.port}"

    def token(self, subject: str, client_id: str) -> str:
        """Log in and get a token for the application, by the authorisation code flow; its `aud` is the application."""
        redirect = "http://127.0.0.1:1/callback"
        query = {"client_id": client_id, "redirect_uri": redirect, "response_type": "code", "scope": "openid profile"}
        with httpx.Client(base_url=self.issuer, trust_env=False, timeout=30) as client:
            answer = client.post("/oauth2/authorize", params=query, data={"sub": subject})
            code = parse_qs(urlsplit(answer.headers["location"]).query)["code"][0]
            form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect}
            answer = client.post("/oauth2/token", data=form, auth=(client_id, "any"))
            return str(answer.raise_for_status().json()["id_token"])

    def start(self) -> None:
        """Start it and wait until it answers."""
        users = [argument for user in self.users for argument in ("--user-claims", json.dumps(user))]
        options = ["--port", str(self.port), "--token-max-age", str(self.token_max_age_s)]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "oidc_provider_mock", *options, *users],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + _START_S
        while not self._answers():
            assert self._process.poll() is None, "the identity provider ended at its start"
            assert time.monotonic() < deadline, "the identity provider does not answer"
            time.sleep(0.05)

    def stop(self) -> None:
        """End it; harmless when it does not run."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.issuer}/jwks", trust_env=False, timeout=1).status_code == 200
        except httpx.TransportError:
            return False

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self.stop()
