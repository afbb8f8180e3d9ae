"""PACS that speak DIMSE (PS3.7, PS3.8)."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Literal, Self, override

from radgate_server.core.errors import GatewayError, InvalidArgumentError, PacsRejectedError
from radgate_server.core.networks import Address
from radgate_server.core.pacs.capabilities import Capabilities, RetrieveMethod
from radgate_server.core.pacs.kinds.checks import check_host, check_networks, check_range, check_rate, parse_ae_title
from radgate_server.core.pacs.kinds.kind import (
    CertificateFiles,
    ConnectionKind,
    DetectTarget,
    Hint,
    Ladder,
    PacsConnection,
)
from radgate_server.core.pacs.minimum_rate import DEFAULT_MIN_BYTES_PER_SECOND
from radgate_server.core.pacs.validation import Verdict, failed, passed
from radgate_server.core.secrets.secret import NO_SECRET, SecretSource, parse_reference

MAX_ASSOCIATIONS = 64
MAX_SENDERS = 32
ANY_AE_TITLE = "*"
"""Among `sender_aets`: whatever it calls itself."""

USUAL_AE_TITLES = (
    *("ANY-SCP", "ORTHANC", "DCM4CHEE", "DCMQRSCP", "ARCHIVE", "PACS", "STORESCP", "RADGATE"),
    *("QRSCP", "CONQUESTSRV1", "DICOM", "SERVER"),
)


class TlsProfile(StrEnum):
    """Secure transport connection profiles of PS3.15 annex B. All are of TLS 1.2 at least, and prefer 1.3."""

    BCP195 = "bcp195"
    MODIFIED = "bcp195-modified"
    NON_DOWNGRADING = "bcp195-nd"


@dataclass(frozen=True, slots=True)
class DimseTls:
    """TLS of a DIMSE connection (PS3.15 B.12); paths are PEM files on this machine, "" when not used.

    Without `ca_file` the system's authorities count. `certificate_ref` is where Radgate's certificate with its chain
    and its private key are kept together (PEM), in place of the two files. The certificate must name `server_name`, or
    the host when that is "".
    """

    ca_file: str
    certificate_file: str = ""
    private_key_file: str = ""
    verify_host: bool = True
    profile: TlsProfile = TlsProfile.BCP195
    server_name: str = ""
    certificate_ref: str = ""


@dataclass(frozen=True, slots=True)
class DimseConnection(PacsConnection):
    """A PACS that speaks DIMSE. `password` goes with `username`; sealed wherever it is stored.

    What C-MOVE asked for it sends under one of `sender_aets` (none: `called_aet`; "*": any), from the address at which
    it is reached or from `sender_networks` (CIDR).
    """

    host: str
    port: int
    called_aet: str
    calling_aet: str
    retrieve_method: RetrieveMethod = RetrieveMethod.GET
    max_associations: int = 4
    min_bytes_per_second: int = DEFAULT_MIN_BYTES_PER_SECOND
    tls: DimseTls | None = None
    username: str = ""
    password: SecretSource = NO_SECRET
    sender_aets: tuple[str, ...] = ()
    sender_networks: tuple[str, ...] = ()
    kind: Literal["dimse"] = "dimse"

    @override
    def checked(self) -> Self:
        check_host(self.host, "dimse.host")
        check_range(self.port, 1, 65535, "dimse.port")
        check_range(self.max_associations, 1, MAX_ASSOCIATIONS, "dimse.max_associations")
        check_rate(self.min_bytes_per_second, "dimse.min_bytes_per_second")
        if self.password and not self.username:
            raise InvalidArgumentError("dimse.username", "must be given with a password")
        if self.tls is not None:
            _check_tls(self.tls)
        check_networks(self.sender_networks, MAX_SENDERS, "dimse.sender_networks")
        return replace(
            self,
            called_aet=parse_ae_title(self.called_aet, "dimse.called_aet"),
            calling_aet=parse_ae_title(self.calling_aet, "dimse.calling_aet"),
            sender_aets=tuple(parse_ae_title(each, "dimse.sender_aets") for each in self.sender_aets),
        )

    @property
    @override
    def endpoint(self) -> str:
        return f"{self.host.lower()}:{self.port}"

    @property
    @override
    def place(self) -> tuple[str, ...]:
        return (self.host, str(self.port), self.called_aet)

    @property
    @override
    def summary(self) -> str:
        return f"{self.called_aet}@{self.host}:{self.port} (C-{self.retrieve_method.value.upper()})"

    @property
    @override
    def max_parallel(self) -> int:
        return self.max_associations

    @property
    @override
    def uses_secret(self) -> bool:
        return bool(self.username)

    @property
    @override
    def secret_recipient(self) -> Mapping[str, object]:
        return {
            "host": self.host,
            "port": self.port,
            "called_aet": self.called_aet.strip(" "),
            "username": self.username,
            "tls": self.tls and (self.tls.ca_file, self.tls.verify_host, self.tls.server_name),
        }

    @property
    @override
    def certificate(self) -> SecretSource:
        given = self.tls.certificate_ref if self.tls else ""
        return parse_reference(given, "dimse.tls.certificate_ref") if given else NO_SECRET

    @property
    @override
    def certificate_files(self) -> CertificateFiles:
        return CertificateFiles(self.tls.certificate_file, self.tls.ca_file) if self.tls else CertificateFiles()

    @property
    @override
    def over_tls(self) -> bool:
        return self.tls is not None

    @property
    @override
    def reads_private_files(self) -> bool:
        tls = self.tls
        return tls is not None and bool(tls.ca_file or tls.certificate_file or tls.private_key_file)

    @property
    @override
    def hosts(self) -> tuple[str, ...]:
        return (self.host,)

    @override
    def pinned(self, address: Address) -> Self:
        return replace(self, host=str(address))

    @property
    @override
    def target(self) -> str:
        return self.called_aet

    @property
    @override
    def server(self) -> str:
        return self.called_aet

    @override
    def suggested(self, found: Capabilities) -> tuple[Self, tuple[str, ...]]:
        """C-GET rather than C-MOVE where both go."""
        if not found.retrieve_methods or RetrieveMethod.GET in found.retrieve_methods:
            return self, ()
        note = "retrieves by C-MOVE: the PACS must know this gateway's AE title, address and port"
        return replace(self, retrieve_method=RetrieveMethod.MOVE), (note,)

    @override
    def judge_retrieval(self, found: Capabilities | None) -> Verdict:
        return _judge_method(self.retrieve_method, found.retrieve_methods if found else ())


def _check_tls(tls: DimseTls) -> None:
    if tls.certificate_ref:
        parse_reference(tls.certificate_ref, "dimse.tls.certificate_ref")
        if tls.certificate_file or tls.private_key_file:
            raise InvalidArgumentError("dimse.tls.certificate_ref", "can't be given together with files of it")
    if tls.private_key_file and not tls.certificate_file:
        raise InvalidArgumentError("dimse.tls.certificate_file", "must be given with a private key")
    if tls.server_name:
        check_host(tls.server_name, "dimse.tls.server_name")


def _judge_method(method: RetrieveMethod, methods: Collection[RetrieveMethod]) -> Verdict:
    name = f"C-{method.value.upper()}"
    if method in methods:
        return passed(f"the PACS accepts {name}")
    if methods:
        other = ", ".join(each.value for each in methods)
        return failed(f"the PACS does not accept {name}; set its retrieve method to {other}")
    return failed("the PACS accepts neither C-GET nor C-MOVE; ask its administrator to allow one to this gateway")


def _candidates(target: DetectTarget, port: int) -> Mapping[str, Ladder]:
    aets = target.called_aets or USUAL_AE_TITLES
    return {"dimse": tuple(DimseConnection(target.host, port, aet, target.calling_aet) for aet in aets)}


def _continues_after(failure: GatewayError | None) -> bool:
    """Another AE title helps only if this one was not recognised."""
    return isinstance(failure, PacsRejectedError) and failure.details.get("rejection") != "calling-aet"


DIMSE = ConnectionKind(
    DimseConnection,
    "dimse",
    "a PACS that speaks DIMSE: C-FIND, and C-GET or C-MOVE",
    preference=30,
    ports=(104, 11112),
    candidates=_candidates,
    continues_after=_continues_after,
    hints=(
        Hint(
            kinds=("dimse",),
            reason="PACS_REJECTED",
            text="a PACS speaks DIMSE, but does not know this AE title: ask its administrator for the PACS's AE title,"
            " and to enter this gateway's",
        ),
    ),
)
