"""One fault at a time, under clients that read."""

import json
import time
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from radgate_server.core.access.tenancy import Role
from radgate_server.core.pacs.capabilities import RetrieveMethod
from tests.cluster.cluster import TENANT, Cluster, running_cluster
from tests.cluster.wire import ONE_MACHINE, Wire
from tests.drill.machines.clients import Answer, Clients, Outcome
from tests.drill.machines.faults import FAULTS
from tests.drill.machines.studies import Study
from tests.e2e.radgate_process import RadgateProcess, dimse
from tests.integration.orthanc import OrthancServer

QUIET_S = 3.0
NORMAL_WITHIN_S = 60.0


@dataclass(frozen=True)
class Round:
    """What clients met while the part was away, and after it was back; by time.monotonic."""

    name: str
    answers: Sequence[Answer]
    inflicted_s: float
    mended_s: float

    @property
    def away(self) -> Counter[Outcome]:
        """While the part was away."""
        return Counter(one.outcome for one in self.answers if self.inflicted_s <= one.at_s < self.mended_s)

    @property
    def back(self) -> Counter[Outcome]:
        """From when the part was back."""
        return Counter(one.outcome for one in self.answers if one.at_s >= self.mended_s)

    @property
    def all(self) -> Counter[Outcome]:
        """From beginning to end."""
        return Counter(one.outcome for one in self.answers)

    @property
    def reasons(self) -> Counter[str]:
        """Of whatever was not right: what was asked for, and what came."""
        return self._reasons_of({Outcome.PARTIAL, Outcome.REFUSED, Outcome.FAILED, Outcome.WRONG})

    @property
    def defects(self) -> Counter[str]:
        """The same of what fails a drill."""
        return self._reasons_of({Outcome.FAILED, Outcome.WRONG})

    def _reasons_of(self, outcomes: Collection[Outcome]) -> Counter[str]:
        return Counter(f"{one.act}: {one.why}" for one in self.answers if one.outcome in outcomes)

    @property
    def normal_after_s(self) -> float:
        """How long after the part was back the last answer came that was not right; 0 when there was none."""
        late = [one.at_s for one in self.answers if one.outcome is not Outcome.RIGHT and one.at_s >= self.mended_s]
        return max(late) - self.mended_s if late else 0.0


CACHED_BYTES = 8 << 20
"""Of instances on a server's disk: less than the studies have, so that some of them are always read from the PACS."""
SETTINGS = {
    "RADGATE_CACHE__WARM_BYTES": str(CACHED_BYTES),
    "RADGATE_CACHE__HOT_BYTES": str(CACHED_BYTES),
    "RADGATE_CACHE__HOT_INSTANCE_BYTES": "0",
    "RADGATE_GATEWAY__ACCESS_LOG": "false",
}


BY_MOVE = "west"
"""The tenant that reads the PACS by C-MOVE; TENANT reads it by C-GET."""
TENANTS = (TENANT, BY_MOVE)
_READERS = (TENANT, TENANT, TENANT, BY_MOVE)
"""Whose client reads, in turn."""
_MOVES_AT_ONCE = 16
"""Of all processes: a listener has its share of them, and fetches for those that don't listen."""
_ORTHANC = {"DicomModalitiesInDatabase": True, "DicomThreadsCount": 64}
"""A thread for each association that all processes may have for both tenants; with fewer they wait for each other."""


@contextmanager
def cluster_with(folder: Path, studies: Sequence[Study], wire: Wire = ONE_MACHINE) -> Iterator[Cluster]:
    """A cluster whose PACS has these studies for two tenants, and whose caches are too small for them."""
    with OrthancServer(folder / "orthanc", options=_ORTHANC) as orthanc:
        for instance in (instance for study in studies for instance in study.instances):
            orthanc.request("POST", "/instances", instance.file)
        by_get = dimse(orthanc, wire.places[0].host)
        by_move = replace(by_get, retrieve_method=RetrieveMethod.MOVE, max_associations=_MOVES_AT_ONCE)

        def prepare(server: RadgateProcess) -> RadgateProcess:
            return server.tenant(TENANT, by_get, Role.OPERATOR).tenant(BY_MOVE, by_move, Role.OPERATOR)

        with running_cluster(folder, orthanc, prepare, SETTINGS, wire) as cluster:
            for machine in cluster.machines:
                _introduce(machine, orthanc)
            yield cluster


def _introduce(machine: RadgateProcess, orthanc: OrthancServer) -> None:
    """Have the PACS know where to send what a C-MOVE of the machine asks for, also after it was killed."""
    title, port = (machine.settings[f"RADGATE_DICOM_{name}"] for name in ("AET", "PORT"))
    modality = {"AET": title, "Host": machine.settings["RADGATE_HOST"], "Port": int(port)}
    orthanc.request("PUT", f"/modalities/{title}", json.dumps(modality).encode())


def drill(
    cluster: Cluster, studies: Sequence[Study], name: str, *, seconds: float, clients: int, quiet_s: float = QUIET_S
) -> Round:
    """Let clients read, lose the part for so many seconds, and go on until all is right for `quiet_s` seconds."""
    fault = FAULTS[name]
    keys = [cluster.front.keys[tenant] for tenant in _READERS]
    with Clients([front.url for front in cluster.fronts], keys, studies, clients) as reading:
        time.sleep(quiet_s)
        inflicted_s = time.monotonic()
        fault.inflict(cluster)
        time.sleep(seconds)
        fault.mend(cluster)
        mended_s = time.monotonic()
        _wait_until_normal(reading, mended_s, quiet_s)
    return Round(name, reading.answers, inflicted_s, mended_s)


def _wait_until_normal(reading: Clients, since_s: float, quiet_s: float) -> None:
    """Until nothing but right answers came for a while, or too long."""
    while time.monotonic() < since_s + NORMAL_WITHIN_S:
        quiet_since_s = max([since_s, *(one.at_s for one in list(reading.answers) if one.outcome is not Outcome.RIGHT)])
        if time.monotonic() >= quiet_since_s + quiet_s:
            return
        time.sleep(0.1)
