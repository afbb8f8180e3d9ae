"""Orders by HL7 v2: the port for them, and who may send."""

from pydantic import Field, field_validator, model_validator

from radgate_server.core.dicom.identifiers import parse_slug
from radgate_server.core.errors import InvalidArgumentError
from radgate_server.core.networks import parse_networks
from radgate_server.core.prefetch.orders.senders import OrderRoute, OrderSender
from radgate_server.settings.access import TlsPaths, certificate_name, tls_paths
from radgate_server.settings.shared.table import MIB, Port, Seconds, Table, Texts


class OrderSenderSettings(Table):
    """A system that sends orders of one tenant by HL7 v2; any number of them. Messages of all others are rejected."""

    tenant: str = Field(description="The tenant whose patients they are about.")
    networks: Texts = Field(
        min_length=1, description="Addresses (CIDR) that it sends from: MLLP itself has no authentication."
    )
    certificate: str = Field(
        default="",
        description="Subject alternative name of the certificate that it must show as well, as `DNS:engine.example` or"
        " `URI:spiffe://example/engine`; needs `tls_client_ca_file`. Empty: any, or none without TLS.",
    )
    sending_application: str = Field(default="", description="What its messages must have in MSH-3.1; empty: anything.")
    sending_facility: str = Field(default="", description="In MSH-4.1.")
    receiving_application: str = Field(default="", description="In MSH-5.1.")
    receiving_facility: str = Field(default="", description="In MSH-6.1.")
    assigning_authority: str = Field(
        default="",
        description="Of several Patient IDs in PID-3, the one of this authority is the PACS's: its namespace or"
        " universal ID (PID-3.4.1, PID-3.4.2). Empty: the first.",
    )

    @field_validator("tenant")
    @classmethod
    def _is_slug(cls, value: str) -> str:
        try:
            return parse_slug(value, "tenant")
        except InvalidArgumentError as error:
            raise ValueError(error.description) from None

    @field_validator("networks")
    @classmethod
    def _are_networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        parse_networks(value)
        return value

    @field_validator("certificate")
    @classmethod
    def _has_a_kind(cls, value: str) -> str:
        return certificate_name(value) if value else ""

    @property
    def sender(self) -> OrderSender:
        """As the listener knows it."""
        route = OrderRoute(
            self.sending_application, self.sending_facility, self.receiving_application, self.receiving_facility
        )
        return OrderSender(
            self.tenant, parse_networks(self.networks), self.certificate, route, self.assigning_authority
        )


class OrderSettings(Table):
    """Orders and appointments by HL7 v2 over MLLP."""

    port: Port = Field(default=0, description="Port for them; 2575 is MLLP's. 0: none is opened.")
    host: str = Field(default="", description="Address of that port; empty means `host`.")
    tls_certificate_file: str = Field(
        default="",
        description="Its certificate with its chain (PEM), read again when it changes. Empty: without TLS.",
    )
    tls_key_file: str = Field(default="", description="Its private key (PEM, without a password).")
    tls_client_ca_file: str = Field(
        default="",
        description="Authorities that vouch for the senders' certificates (PEM); each must then show one.",
    )
    senders: tuple[OrderSenderSettings, ...] = Field(default=(), description="Who may send, see below.")
    max_message_bytes: int = Field(
        default=MIB, ge=4096, le=64 * MIB, description="A larger message is rejected; so much a connection may take."
    )
    message_timeout_s: Seconds = Field(
        default=30, description="From the first byte of a message to its last, and for its answer to be taken."
    )
    idle_timeout_s: Seconds = Field(
        default=3600, description="Silence between two messages, after which the connection is closed."
    )
    max_connections: int = Field(
        default=8, ge=1, le=64, description="Connections of one address at the same time; all have 64 together."
    )

    @model_validator(mode="after")
    def _can_be_authorised(self) -> "OrderSettings":
        if self.port and not self.senders:
            raise ValueError("prefetch.orders.port needs prefetch.orders.senders: nobody could send anything")
        if any(sender.certificate for sender in self.senders) and not self.tls_client_ca_file:
            raise ValueError("prefetch.orders.senders.certificate needs prefetch.orders.tls_client_ca_file")
        _ = self.tls
        return self

    @property
    def tls(self) -> TlsPaths | None:
        """The files that the port's TLS is made of."""
        return tls_paths(self.tls_certificate_file, self.tls_key_file, self.tls_client_ca_file)
