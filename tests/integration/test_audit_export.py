"""The audit trail handed on: to rsyslog with TLS, which is stopped meanwhile, and to a FHIR server's REST interface."""

import asyncio
import json
import re
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import fromstring

import pytest
from fhir.resources.R4B.bundle import Bundle
from pydantic import SecretStr

from radgate_server.adapters.audit.export import build_receiver
from radgate_server.adapters.clock import SystemClock
from radgate_server.adapters.database.audit.exports import SqlExportPositions
from radgate_server.adapters.database.audit.trail import SqlAuditTrail
from radgate_server.adapters.database.audit.waiting import SqlAuditSink
from radgate_server.adapters.database.connection.database import Database
from radgate_server.adapters.database.migration import migrate
from radgate_server.adapters.telemetry import ExportMetrics
from radgate_server.adapters.telemetry.metrics.families import Families
from radgate_server.core.errors import NotDeliveredError
from radgate_server.services.audit.exporter import AuditExporter
from radgate_server.settings.audit import AuditCollector, FhirCollector, SyslogCollector
from tests.conformance.database_suites import audit_entry
from tests.integration.certificates import server_context, write_certificate
from tests.integration.ports import free_port
from tests.integration.waiting import until
from tests.unit.core.audit.export.audit_message import check
from tests.unit.core.audit.export.records import stored

CONFIGURATION = """\
module(load="imtcp" StreamDriver.Name="gtls" StreamDriver.Mode="1" StreamDriver.Authmode="anon")
global(workDirectory="{folder}" maxMessageSize="64k" DefaultNetstreamDriverCAFile="{certificate}"
       DefaultNetstreamDriverCertFile="{certificate}" DefaultNetstreamDriverKeyFile="{key}")
template(name="whole" type="string" string="%timestamp:::date-rfc3339% %app-name% %msgid% %msg%\\n")
input(type="imtcp" port="{port}" address="127.0.0.1")
action(type="omfile" file="{folder}/received" template="whole")
"""


@dataclass
class Rsyslog:
    """Debian's rsyslog as an audit record repository."""

    folder: Path
    port: int
    certificate: Path
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        command = ["rsyslogd", "-n", "-f", str(self.folder / "conf"), "-i", str(self.folder / "pid")]
        self.process = subprocess.Popen(command)
        context = ssl.create_default_context(cafile=str(self.certificate))
        for _ in range(600):
            try:
                self._knock(context)
            except OSError:
                time.sleep(0.05)
            else:
                return
        raise RuntimeError("rsyslogd does not listen")

    def _knock(self, context: ssl.SSLContext) -> None:
        address = "127.0.0.1"
        with (
            socket.create_connection((address, self.port)) as connection,
            context.wrap_socket(connection, server_hostname=address),
        ):
            return

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(30)

    @property
    def received(self) -> list[str]:
        """Lines that are whole: it writes as its buffer fills, in the middle of a line or a letter."""
        path = self.folder / "received"
        return path.read_bytes().rpartition(b"\n")[0].decode().splitlines() if path.exists() else []


@pytest.fixture
def rsyslog(tmp_path: Path) -> Iterator[Rsyslog]:
    certificate, key = write_certificate(tmp_path, "rsyslog")
    server = Rsyslog(tmp_path, free_port(), certificate)
    text = CONFIGURATION.format(folder=tmp_path, certificate=certificate, key=key, port=server.port)
    (tmp_path / "conf").write_text(text)
    yield server
    server.stop()


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    url = f"sqlite:///{tmp_path}/radgate.db"
    migrate(url)
    database = Database(url)
    yield database
    await database.close()


async def record(database: Database, first: int, end: int) -> None:
    sink = SqlAuditSink(database)
    for number in range(first, end):
        await sink.record(audit_entry(number))
    await sink.close()


def exporter(database: Database, collector: AuditCollector) -> AuditExporter:
    receiver = build_receiver(collector, "radgate")
    positions, metrics = SqlExportPositions(database), ExportMetrics(Families())
    return AuditExporter(positions, SqlAuditTrail(database), receiver, SystemClock(), metrics, interval_s=0.1)


def sequences(lines: list[str]) -> list[int]:
    return [int(found[1]) for line in lines if (found := re.search(r"urn:radgate:audit:a:(\d+)", line))]


async def received(rsyslog: Rsyslog, last: int) -> list[int]:
    while last not in (found := sequences(rsyslog.received)):
        await asyncio.sleep(0.05)
    return found


async def test_rsyslog_gets_each_record_as_an_audit_message_also_after_it_was_away(
    rsyslog: Rsyslog, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    await asyncio.to_thread(rsyslog.start)
    collector = SyslogCollector(
        name="arr", kind="syslog", host="127.0.0.1", port=rsyslog.port, ca_file=rsyslog.certificate
    )
    await record(database, 0, 30)
    sending = exporter(database, collector)
    sending.start()
    assert await received(rsyslog, 30) == list(range(1, 31))
    await asyncio.to_thread(rsyslog.stop)
    await record(database, 30, 40)
    await until(lambda: "the audit trail can't be exported to arr" in caplog.text)
    await asyncio.to_thread(rsyslog.start)
    found = await received(rsyslog, 40)
    await sending.close()
    await asyncio.to_thread(rsyslog.stop)  # with that its file is whole
    assert list(dict.fromkeys(found)) == list(range(1, 41))  # in order; what was in transit may have come twice
    for line in rsyslog.received:
        _, name, kind, message = line.split(" ", 3)
        assert (name, kind) == ("radgate", "DICOM+RFC3881")
        check(fromstring(message.removeprefix("\ufeff")))


async def test_a_repository_that_can_not_be_trusted_gets_nothing(rsyslog: Rsyslog, tmp_path: Path) -> None:
    await asyncio.to_thread(rsyslog.start)
    other, _ = write_certificate(tmp_path, "other")
    collector = SyslogCollector(name="arr", kind="syslog", host="127.0.0.1", port=rsyslog.port, ca_file=other)
    receiver = build_receiver(collector, "radgate")
    with pytest.raises(NotDeliveredError, match=r"^it can't be reached \(SSLCertVerificationError\)$"):
        await receiver.send([stored()])
    assert rsyslog.received == []


@dataclass
class FhirServer:
    """Keeps what is put, and answers as FHIR has it; refuses all while `refusing`."""

    kept: dict[str, Any] = field(default_factory=dict)
    refusing: bool = False
    tokens: set[str | None] = field(default_factory=set)
    port: int = 0

    @contextmanager
    def running(self, certificate: tuple[Path, Path]) -> Iterator[None]:
        fhir = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                bundle = json.loads(self.rfile.read(int(self.headers["content-length"])))
                Bundle.model_validate(bundle)
                fhir.tokens.add(self.headers["authorization"])
                status = "500" if fhir.refusing else "201"
                if not fhir.refusing:
                    fhir.kept |= {entry["request"]["url"]: entry["resource"] for entry in bundle["entry"]}
                answers = [{"response": {"status": status}} for _ in bundle["entry"]]
                body = json.dumps({"resourceType": "Bundle", "type": "batch-response", "entry": answers}).encode()
                self.send_response(200)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_arguments: object) -> None:
                """Be quiet."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.socket = server_context(certificate).wrap_socket(server.socket, server_side=True)
        self.port = server.server_port
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


async def test_a_fhir_server_has_each_record_once_however_often_it_is_sent(tmp_path: Path, database: Database) -> None:
    pair = write_certificate(tmp_path, "fhir")
    fhir = FhirServer()
    with fhir.running(pair):
        collector = FhirCollector(
            name="fhir", kind="fhir", url=f"https://127.0.0.1:{fhir.port}/r4", ca_file=pair[0], token=SecretStr("t")
        )
        await record(database, 0, 25)
        fhir.refusing = True
        sending = exporter(database, collector)
        with pytest.raises(NotDeliveredError, match=r"^it did not take all of a batch \(500\)$"):
            await sending.look()
        fhir.refusing = False
        await sending.look()
        await sending.close()
        again = exporter(database, collector.model_copy(update={"name": "another"}))
        await again.look()
        await again.close()
    assert len(fhir.kept) == 25
    assert fhir.tokens == {"Bearer t"}
