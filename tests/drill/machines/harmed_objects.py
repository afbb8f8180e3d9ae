"""Objects of the S3 store that are overwritten with other bytes while servers read them."""

import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from itertools import cycle

import obstore
from obstore.store import S3Store

from tests.cluster.cluster import Cluster
from tests.integration.seaweed import BUCKET

_EVERY_BYTES = 16 << 10
"""A bit is flipped in each stretch of this size, so that each instance in a pack has one."""
_PAUSE_S = 0.2

type _Harm = Callable[[bytes, bytes], bytes]
"""(the object, another one): what the object becomes."""


def _flipped(data: bytes, _other: bytes) -> bytes:
    changed = bytearray(data)
    for place in range(0, len(changed), _EVERY_BYTES):
        changed[place] ^= 1
    return bytes(changed)


def _cut(data: bytes, _other: bytes) -> bytes:
    return data[: len(data) // 2]


def _exchanged(_data: bytes, other: bytes) -> bytes:
    return other


_HARMS: Sequence[_Harm] = (_flipped, _cut, _exchanged)


class HarmedObjects:
    """Overwrites all objects, each once, and those that are written meanwhile, from `begin` to `end`."""

    def __init__(self) -> None:
        self._ended = threading.Event()
        self._noticed_before = 0.0
        self._running: tuple[ThreadPoolExecutor, Future[int]] | None = None

    def begin(self, cluster: Cluster) -> None:
        """Harm what is there, and go on in the background."""
        self._ended.clear()
        self._noticed_before = _noticed(cluster)
        thread = ThreadPoolExecutor(1, thread_name_prefix="harm")
        self._running = thread, thread.submit(self._run, _bucket(cluster))

    def end(self, cluster: Cluster) -> None:
        """Harm no more. Fails if no object was harmed, or no server has counted one."""
        assert self._running is not None, "nothing is being harmed"
        thread, work = self._running
        self._ended.set()
        with thread:
            harmed = work.result()
        noticed = _noticed(cluster) - self._noticed_before
        assert harmed, "there were no objects to harm"
        assert noticed, f"{harmed} objects were harmed, and the first machine has dropped none"
        print(f"{harmed} objects were harmed, one machine dropped {noticed:.0f} instances", file=sys.stderr)

    def _run(self, bucket: S3Store) -> int:
        """Returns how many were harmed."""
        harmed: set[str] = set()
        harms = cycle(_HARMS)
        while not self._ended.is_set():
            names = [str(one["path"]) for page in obstore.list(bucket) for one in page]
            for name in names:
                if name not in harmed and _harm(bucket, name, names, next(harms)):
                    harmed.add(name)
            self._ended.wait(_PAUSE_S)
        return len(harmed)


def _harm(bucket: S3Store, name: str, names: Sequence[str], harm: _Harm) -> bool:
    """Whether it was done: it may have been deleted meanwhile."""
    other = names[(names.index(name) + 1) % len(names)]
    with suppress(FileNotFoundError):
        before, of_other = (bytes(obstore.get(bucket, each).bytes()) for each in (name, other))
        after = harm(before, of_other)
        obstore.put(bucket, name, after, use_multipart=False)
        return after != before
    return False


def _bucket(cluster: Cluster) -> S3Store:
    options = {"region": "us-east-1", "endpoint": cluster.engines.store.endpoint, "skip_signature": True}
    return S3Store(BUCKET, client_options={"allow_http": True}, **options)  # type: ignore[arg-type]


def _noticed(cluster: Cluster) -> float:
    """How many instances the processes of the first machine found damaged in the object store, and dropped."""
    return cluster.front.metric("radgate_cache_failures_total", tier="s3", cause="damaged")
