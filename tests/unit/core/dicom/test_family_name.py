"""When two people have the same family name."""

from typing import Any

import pytest

from radgate_server.core.dicom.family_name import (
    FamilyName,
    family_name,
    family_name_in,
    last_name_of,
    patients_family_name,
)


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("Doe", "DOE", True),
        ("O'Neil", "ONEIL", True),
        ("O\u2019Neil", "O NEIL", True),
        ("García-López", "GARCIA LOPEZ", True),
        ("García López", "García", False),
        ("MÜLLER", "Mueller", True),
        ("Mu\u0308ller", "MULLER", True),
        ("Mueller", "Muller", False),
        ("Bauer", "Baur", False),
        ("Straßer", "STRASSER", True),
        ("Sørensen", "Soerensen", True),
        ("Sørensen", "Sorensen", True),
        ("Łuczak", "LUCZAK", True),
        ("İnce", "ince", True),
        ("\u0421\u0435\u043c\u0451\u043d\u043e\u0432", "\u0421\u0415\u041c\u0415\u041d\u041e\u0412", True),
        ("\uff94\uff8f\uff80\uff9e", "ヤマダ", True),  # half and full width
        ("ガルシア", "カルシア", False),  # what distinguishes ga from ka is no diacritic
        ("राव", "रव", False),  # nor is a vowel
        ("Doe", "Smith", False),
        ("", "", False),
        ("-", "'", False),
    ],
)
def test_spelling_does_not_count_where_it_is_but_spelling(one: str, other: str, is_same: bool) -> None:
    assert family_name(one).is_shared_with(family_name(other)) is is_same
    assert family_name(other).is_shared_with(family_name(one)) is is_same


def test_any_group_of_a_person_name_counts() -> None:
    name = family_name_in(["Yamada^Tarou", "山田^太郎", ""])
    assert [name.is_shared_with(family_name(one)) for one in ("YAMADA", "山田", "Tarou")] == [True, True, False]
    assert family_name_in(["Doe, John"]) == family_name("Doe")
    assert family_name_in(["^John"]) == FamilyName()


@pytest.mark.parametrize(
    ("attributes", "name"),
    [
        ({"00100010": {"vr": "PN", "Value": [{"Alphabetic": "DOE^JANE"}]}}, "doe"),
        ({"00100010": {"vr": "PN", "Value": [{"Alphabetic": None}]}}, ""),
        ({"00100010": {"vr": "PN", "Value": [None]}}, ""),
        ({"00100010": {"vr": "PN", "Value": ["DOE^JANE"]}}, ""),
        ({"00100010": {"vr": "PN"}}, ""),
        ({}, ""),
    ],
)
def test_the_patients_is_that_of_the_answer(attributes: dict[str, Any], name: str) -> None:
    assert patients_family_name(attributes) == family_name(name)


@pytest.mark.parametrize(
    ("full_name", "last"),
    [("Jane Mary Doe", "Doe"), ("Doe, Jane", "Doe"), ("van der Berg, Jan", "van der Berg"), ("Doe", "Doe"), ("", "")],
)
def test_of_a_whole_name_the_last_word_is_meant_or_what_a_comma_ends(full_name: str, last: str) -> None:
    assert last_name_of(full_name) == last


def test_a_name_does_not_print() -> None:
    assert f"{family_name('Doe')}" == "FamilyName()"
