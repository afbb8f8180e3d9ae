"""Opaque resume tokens: which instances a client has, tied to what it asked for and to what the PACS listed then.

A token is a version, fingerprints of the request and of the listing, and one bit for each listed instance in the order
of the UIDs, set when the instance has come whole. Nothing is kept on the server, so any process takes it at any time.
No secret is needed: a forged token leaves out instances for nobody but its forger.
"""

import hashlib
from collections.abc import Sequence
from operator import attrgetter
from struct import Struct

from radgate_server.core.dicom.identifiers import InstanceRef, RetrieveScope
from radgate_server.core.dicom.instances import ListedInstance
from radgate_server.core.dicom.patient_ids import significant_patient_id
from radgate_server.core.errors import InvalidArgumentError, ResumeTokenStaleError

_VERSION = 1
_HEAD = Struct(">B8s8s")  # version, fingerprint of the request, fingerprint of the listing
_DIGEST_BYTES = 8
_in_canonical_order = attrgetter("series_instance_uid", "sop_instance_uid")


class Bookmark:
    """How far the client has come with what it asks for, over all the streams that it took so far.

    `delivered_before` counts what had come before this stream, known once the listing is.
    """

    def __init__(self, token: bytes, kind: str, tenant_id: str, scope: RetrieveScope) -> None:
        """Read the token that the request carries, b"" for the first stream. `kind` says what is streamed.

        Raises:
            InvalidArgumentError: the token is malformed, or of another kind, tenant or scope.
        """
        uids = (scope.study_instance_uid, scope.series_instance_uid or "", scope.sop_instance_uid or "")
        self._place = _digest("\0".join((kind, tenant_id, *uids)))
        self._given = token
        self._token = bytearray()
        self._bits: dict[InstanceRef, int] = {}
        self.delivered_before = 0
        if not token:
            return
        if len(token) < _HEAD.size or token[0] != _VERSION:
            raise _malformed()
        if _HEAD.unpack_from(token)[1] != self._place:
            raise InvalidArgumentError("resume_token", "belongs to another request; change nothing else when resuming")

    def open(self, listed: Sequence[ListedInstance]) -> frozenset[InstanceRef]:
        """Compare with what is listed now; the instances that the client has already.

        Raises:
            ResumeTokenStaleError: other instances, or another patient, were listed when the token was made.
            InvalidArgumentError: the token is malformed.
        """
        refs = sorted((entry.ref for entry in listed), key=_in_canonical_order)
        uids = "\0".join(f"{ref.series_instance_uid}\0{ref.sop_instance_uid}" for ref in refs)
        self._bits = {ref: bit for bit, ref in enumerate(refs)}
        patients = {significant_patient_id(one) for one in {entry.patient_id for entry in listed}} - {""}
        self._token = bytearray(_HEAD.pack(_VERSION, self._place, _digest("\0".join((uids, *sorted(patients))))))
        self._token += self._marks_given(len(refs))
        had = frozenset(ref for ref, bit in self._bits.items() if self._token[_place_of(bit)] & _mask_of(bit))
        self.delivered_before = len(had)
        return had

    def mark(self, ref: InstanceRef) -> bytes:
        """Note that a listed instance came whole; the token from here on."""
        bit = self._bits[ref]
        self._token[_place_of(bit)] |= _mask_of(bit)
        return bytes(self._token)

    def _marks_given(self, count: int) -> bytes:
        """The given token's bits for `count` instances; all unset without one."""
        size = -(-count // 8)
        if not self._given:
            return bytes(size)
        if self._given[: _HEAD.size] != self._token:
            text = "the PACS list other instances, or another patient, than when the stream began; begin it again"
            raise ResumeTokenStaleError(text)
        marks = self._given[_HEAD.size :]
        if len(marks) != size or int.from_bytes(marks, "little") >> count:
            raise _malformed()
        return marks


def _place_of(bit: int) -> int:
    return _HEAD.size + (bit >> 3)


def _mask_of(bit: int) -> int:
    return 1 << (bit & 7)


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=_DIGEST_BYTES).digest()


def _malformed() -> InvalidArgumentError:
    return InvalidArgumentError("resume_token", "is not one that this server gave")
