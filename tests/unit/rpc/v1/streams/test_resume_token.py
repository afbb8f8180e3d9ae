import pytest
from hypothesis import given
from hypothesis import strategies as st

from radgate_server.core.dicom.identifiers import InstanceRef, RetrieveScope
from radgate_server.core.dicom.instances import ListedInstance
from radgate_server.core.errors import InvalidArgumentError, ResumeTokenStaleError
from radgate_server.rpc.v1.streams.resume_token import Bookmark

SCOPE = RetrieveScope("1.2")
HEAD_BYTES = 17


def listed(count: int) -> list[ListedInstance]:
    refs = [InstanceRef("1.2", f"1.2.{number % 3}", f"1.2.{number % 3}.{number}") for number in range(count)]
    return [ListedInstance(ref, "") for ref in refs]


def bookmark(
    token: bytes = b"", scope: RetrieveScope = SCOPE, tenant: str = "east", kind: str = "retrieve"
) -> Bookmark:
    return Bookmark(token, kind, tenant, scope)


def token_of(entries: list[ListedInstance], delivered: list[InstanceRef]) -> bytes:
    first = bookmark()
    assert first.open(entries) == frozenset()
    token = b""
    for ref in delivered:
        token = first.mark(ref)
    return token


@given(st.data())
def test_a_token_reports_what_came_whatever_the_order_and_over_several_streams(data: st.DataObject) -> None:
    entries = data.draw(st.permutations(listed(data.draw(st.integers(1, 70)))))
    came = data.draw(st.lists(st.sampled_from([entry.ref for entry in entries]), unique=True, min_size=1))
    token = token_of(entries, came)
    assert len(token) == HEAD_BYTES + -(-len(entries) // 8)
    again = bookmark(token)
    assert again.open(data.draw(st.permutations(entries))) == frozenset(came)
    assert again.delivered_before == len(came)
    rest = [entry.ref for entry in entries if entry.ref not in came]
    for ref in rest:
        token = again.mark(ref)
    assert bookmark(token).open(entries) == {entry.ref for entry in entries}


@given(st.binary(max_size=60))
def test_noise_is_refused(noise: bytes) -> None:
    given_token = noise or b"\0"
    with pytest.raises(InvalidArgumentError) as caught:
        bookmark(given_token).open(listed(9))
    assert caught.value.field == "resume_token"


@given(st.integers(0, HEAD_BYTES), st.integers(1, 255))
def test_a_token_that_was_changed_in_its_head_is_never_taken_for_good(position: int, change: int) -> None:
    entries = listed(8)
    token = bytearray(token_of(entries, [entries[0].ref]))
    token[position] ^= change
    if position == HEAD_BYTES:  # the marks themselves: a forger leaves out what he likes
        assert len(bookmark(bytes(token)).open(entries)) == token[position].bit_count()
        return
    with pytest.raises((InvalidArgumentError, ResumeTokenStaleError)):
        bookmark(bytes(token)).open(entries)


@pytest.mark.parametrize("marks", [b"\x01\x00\x00", b"\x01", b"", b"\x01\x80"])
def test_marks_of_another_number_of_instances_are_refused(marks: bytes) -> None:
    entries = listed(12)
    token = token_of(entries, [entries[0].ref])[:HEAD_BYTES] + marks
    with pytest.raises(InvalidArgumentError, match="not one that this server gave"):
        bookmark(token).open(entries)


@pytest.mark.parametrize(
    "other",
    [
        {"tenant": "west"},
        {"scope": RetrieveScope("1.3")},
        {"scope": RetrieveScope("1.2", "1.2.1")},
        {"kind": "retrieve-metadata"},
    ],
)
def test_a_token_of_another_request_is_refused_before_anything_is_listed(other: dict[str, object]) -> None:
    entries = listed(3)
    token = token_of(entries, [entries[0].ref])
    with pytest.raises(InvalidArgumentError, match="another request"):
        bookmark(token, **other)  # type: ignore[arg-type]


@pytest.mark.parametrize("now", [2, 4])
def test_a_token_is_stale_when_the_listing_has_changed(now: int) -> None:
    entries = listed(3)
    with pytest.raises(ResumeTokenStaleError):
        bookmark(token_of(entries, [entries[0].ref])).open(listed(now))
