"""The canonical form of a record, and its hash."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radgate_server.core.audit.chain import (
    FIRST_WORDS,
    START,
    UNKNOWN_SIZE,
    WORDS,
    canonical_form,
    content_of,
    record_hash,
)
from radgate_server.core.audit.fields import texts_of_form
from tests.conformance.database_suites import audit_entry

texts = st.text(st.characters(codec="utf-8"), max_size=6)
records = st.tuples(
    st.binary(min_size=32, max_size=32),
    st.integers(0, 2**63 - 1),
    st.integers(-(2**63), 2**63 - 1),
    st.integers(-1, 2**63 - 1),
    st.one_of(st.tuples(*[texts] * len(texts_of_form(form))) for form in (1, 2, 3)),
)


def read_back(form: bytes) -> tuple[object, ...]:
    """The record that a form was made of, by the description in docs/audit.md alone."""
    count = {b"RGA1": 15, b"RGA2": 16, b"RGA3": 18}[form[:4]]
    numbers = [int.from_bytes(form[at : at + 8], signed=signed) for at, signed in ((36, False), (44, True), (52, True))]
    lengths = [int.from_bytes(form[at : at + 4]) for at in range(60, 60 + 4 * count, 4)]
    words, at = [], 60 + 4 * count
    for length in lengths:
        words.append(form[at : at + length].decode())
        at += length
    assert at == len(form)
    return (form[4:36], *numbers, tuple(words))


@given(records)
def test_a_record_can_be_read_back_from_its_form_so_no_two_share_one(record: tuple[object, ...]) -> None:
    assert read_back(canonical_form(*record)) == record  # type: ignore[arg-type]


@given(st.tuples(*[texts] * len(WORDS)), st.integers(0, len(WORDS) - 2))
def test_text_that_moves_to_the_next_field_makes_another_form(words: tuple[str, ...], at: int) -> None:
    moved = list(words)
    moved[at : at + 2] = [words[at] + "x", words[at + 1]]
    other = list(words)
    other[at : at + 2] = [words[at], "x" + words[at + 1]]
    assert canonical_form(START, 1, 0, 0, moved) != canonical_form(START, 1, 0, 0, other)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (FIRST_WORDS, "ce4656bd1f014fa1347cab65b23ca4c5160786b58de819d3167b347bddad8032"),
        (texts_of_form(2), "fa747f17327133db4c1cf4f50e9a25ce265b99d3e990040a70e45b8de8bb9a9a"),
        (WORDS, "4e2e4e31ff5d471e63ea272111c4026127787d9a8a00501e7524052edff4120f"),
    ],
)
def test_a_form_never_changes(names: tuple[str, ...], expected: str) -> None:
    words = [f"{name} ü" for name in names]
    assert record_hash(START, 7, 1783501811121315, 512, words).hex() == expected
    assert record_hash(START, 7, 1, 2, words) == sha256(canonical_form(START, 7, 1, 2, words)).digest()


def test_an_entry_becomes_its_fields_in_order() -> None:
    content = content_of(audit_entry(1)._replace(size_bytes=None, principal="Dr. X", user_agent="a\0b\udcff"))
    assert (content.time_us, content.size_bytes) == (1783501811121315, UNKNOWN_SIZE)
    named = dict(zip(WORDS, content.words, strict=True))
    assert (named["principal"], named["user_agent"], named["outcome"]) == ("Dr. X", "a?b?", "granted")
    assert (named["detail"], named["patient_id"], named["pacs"]) == ("frames 1,2", "P-1", "main")
    assert (named["break_glass"], named["same_family_name"]) == ("", "")
    content = content_of(audit_entry(1)._replace(break_glass="alone\0", same_family_name=True))
    assert content.words[-2:] == ("alone?", "yes")


@pytest.mark.parametrize("field", [*WORDS, "time_us", "size_bytes", "sequence", "previous"])
def test_every_field_is_in_the_hash(field: str) -> None:
    content = content_of(audit_entry(1))
    changed = {name: value + "!" if name == field else value for name, value in zip(WORDS, content.words, strict=True)}
    places = {"previous": START, "sequence": 1, "time_us": content.time_us, "size_bytes": content.size_bytes}
    before = record_hash(*places.values(), content.words)  # type: ignore[arg-type]
    if field in places:
        places[field] = b"\1" * 32 if field == "previous" else 5
    assert record_hash(*places.values(), tuple(changed.values())) != before  # type: ignore[arg-type]
