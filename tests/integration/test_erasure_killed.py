"""Erasing what is cached, with kill -9 in the middle of an order: the next server finishes it."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from radgate_server.adapters.database.audit.records import SqlAuditRecords
from radgate_server.adapters.database.audit.trail import SqlAuditTrail
from radgate_server.adapters.database.retention.erasures import SqlErasureRecords
from radgate_server.adapters.secrets.signing import FileSigner
from radgate_server.services.audit.administration import AuditAdmin
from radgate_server.services.audit.recording import Auditor
from tests.fakes.erasure_bench import open_bench

ROOT = Path(__file__).parents[2]
MOMENTS = {
    "the order was kept": 4,
    "it was recorded": 8,
    "a study was counted": 13,
    "its key was erased": 14,
    "its files were deleted": 15,
    "all was erased": 19,
}
"""How many calls were made by then."""
CALLS = 20
"""So many it takes to erase two studies."""


def erased_by_a_victim(folder: Path, lives: int) -> int:
    """Its exit status."""
    command = [sys.executable, "-m", "tests.integration.erasure_victim", str(folder), str(lives)]
    return subprocess.run(command, cwd=ROOT, check=False, timeout=180).returncode


@pytest.mark.parametrize("lives", MOMENTS.values(), ids=MOMENTS)
async def test_an_order_whose_server_was_killed_is_finished(tmp_path: Path, lives: int) -> None:
    assert erased_by_a_victim(tmp_path, lives) == -signal.SIGKILL
    async with open_bench(tmp_path) as bench:
        bench.clock.advance(60)
        assert await bench.finisher.look() == 1
        assert await bench.kept() == ["1.2.3"]
        (erasure,) = await SqlErasureRecords(bench.database).list_erasures("a", 10)
        certificate = bench.genuine(erasure.certificate)
        counted = {tier.tier: tier.entries for tier in certificate.tiers}
        assert (counted["warm"], counted["derived"], len(certificate.key_hashes)) == (2, 2, 2)
        auditor, records = Auditor(bench.sink, bench.clock), SqlAuditRecords(bench.database)
        admin = AuditAdmin(SqlAuditTrail(bench.database), records, FileSigner(tmp_path), auditor, bench.clock)
        assert (await admin.verify(None, (), bench.check)).faults == ()


def test_who_is_not_killed_finishes_itself(tmp_path: Path) -> None:
    assert erased_by_a_victim(tmp_path, CALLS) == 0
