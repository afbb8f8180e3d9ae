"""Jobs are asked for while those who take and run them are killed; what became of each."""

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import httpx

from tests.drill.jobs.history import states_written, took_effect_once, unfinished
from tests.drill.jobs.installation import TENANT, Installation, study_of
from tests.e2e.radgate_process import RadgateProcess
from tests.e2e.waiting import wait_for

_ASKING = 4
_ENDED_WITHIN_S = 1500


@dataclass(slots=True)
class Asked:
    """One request: how often it was sent, how many answers came, and the names of jobs in them."""

    sent: int = 0
    answered: int = 0
    names: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Found:
    """What became of the jobs, by request.

    `listed` is what each server lists at the end, `states` what PostgreSQL recorded, `audited` the records of the audit
    trail, and `gets` what the PACS sent.
    """

    asked: Mapping[str, Asked]
    listed: Sequence[Mapping[str, Mapping[str, object]]]
    states: Mapping[str, Sequence[str]]
    audited: Mapping[str, int]
    gets: Mapping[str, int]
    kills: Counter[str]
    seconds: float

    @property
    def lost(self) -> list[str]:
        """Requests whose job some server does not list as succeeded with its instance, or that no record names."""
        return [
            study
            for study, asked in self.asked.items()
            if self.audited[study] < asked.answered
            or not all(_is_whole(listed.get(name, {})) for listed in self.listed for name in asked.names)
        ]

    @property
    def doubled(self) -> list[str]:
        """Requests that made two jobs, whose job two ran at a time or ended twice, or that were recorded twice."""
        return [
            study
            for study, asked in self.asked.items()
            if len(asked.names) != 1 or not took_effect_once(self.states[study]) or self.audited[study] > asked.sent
        ]

    @property
    def interrupted(self) -> int:
        """How many jobs were begun more than once."""
        return sum(list(states).count("running") > 1 for states in self.states.values())


def _is_whole(job: Mapping[str, object]) -> bool:
    return job.get("state") == "JOB_STATE_SUCCEEDED" and (job.get("done"), job.get("failed", 0)) == (1, 0)


def drill(installation: Installation, jobs: int, *, kill_every_s: float, seed: int) -> Found:
    """Ask for each job at every server, and kill one thing after the other until all jobs have ended."""
    begun = time.monotonic()
    asked = {study_of(number): Asked() for number in range(jobs)}
    kills: Counter[str] = Counter()
    done = threading.Event()
    with ThreadPoolExecutor(_ASKING + 1) as threads:
        killing = threads.submit(installation.kill_on, kill_every_s, random.Random(seed), kills, done)
        try:
            list(threads.map(lambda study: _ask(installation, study, asked[study]), asked))
            wait_for(lambda: _all_ended(installation.database_url), "all jobs end", _ENDED_WITHIN_S)
        finally:
            done.set()
        killing.result()
    seconds = time.monotonic() - begun
    audited = wait_for(lambda: _all_audited(installation, asked), "the audit trail has all records", 60)
    return Found(
        asked,
        [_listed(server) for server in installation.servers],
        states_written(installation.database_url),
        audited,
        {study: installation.pacs.gets[f"{study}.1.1"] for study in asked},
        kills,
        seconds,
    )


def _ask(installation: Installation, study: str, asked: Asked) -> None:
    """Ask each server until it answers."""
    body = {"makeThumbnails": {"studyInstanceUid": study}, "requestId": study}
    for server in installation.servers:
        wait_for(lambda server=server: _answers(server, body, asked), "a server takes the job", 300)  # type: ignore[misc]


def _answers(server: RadgateProcess, body: Mapping[str, object], asked: Asked) -> bool:
    try:
        with server.client(TENANT) as web:
            asked.sent += 1
            answer = web.post("/api/v1/jobs", json=body)
    except httpx.TransportError:  # it was killed, and is not yet back
        time.sleep(0.1)
        return False
    if answer.is_success:
        asked.answered += 1
        asked.names.add(answer.json()["job"]["jobId"])
    return answer.is_success


def _all_ended(database_url: str) -> bool:
    time.sleep(0.2)
    return unfinished(database_url) == 0


def _listed(server: RadgateProcess) -> Mapping[str, Mapping[str, object]]:
    """All jobs that it lists, by their name."""
    with server.client(TENANT) as web:
        answer = web.get("/api/v1/jobs", params={"pageSize": 1000}).raise_for_status()
    return {job["jobId"]: job for job in answer.json()["jobs"]}


def _all_audited(installation: Installation, asked: Mapping[str, Asked]) -> Counter[str] | None:
    """Records of asking for a job, by study; None while the spools have some that the trail lacks."""
    exported = installation.servers[0].cli("audit", "export", "--tenant", TENANT)
    records = map(json.loads, exported.splitlines())
    found = Counter(one["study_instance_uid"] for one in records if str(one.get("detail")).startswith("job "))
    return found if all(found[study] >= one.answered for study, one in asked.items()) else None
