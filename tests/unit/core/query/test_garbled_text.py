import pytest

from radgate_server.core.query.garbled_text import has_garbled_name, is_garbled


@pytest.mark.parametrize(
    "name",
    [
        "", "Doe^John", "Müller^Jürgen", "Ångström^Åse", "O\u00b4Neil^Mary", "Gal·la^Col·legi", "^^^^",
        "Иванов^Пётр", "Διονυσιος^Νίκη",
        "Yamada^Tarou", "山田^太郎", "やまだ^たろう", "김희중", "Łęcki^Żółć", "Doe^J?", "São^João",
        "Đỗ^Anh", "ﾔﾏﾀﾞ^ﾀﾛｳ", "Ñandú^Iñigo",
    ],
)  # fmt: skip
def test_names_as_they_are_written(name: str) -> None:
    assert not is_garbled(name)


@pytest.mark.parametrize(
    "name",
    [
        "M\ufffdller^J\ufffdrgen",
        "Müller^Jürgen".encode().decode("latin-1"),
        "Διονυσιος".encode().decode("latin-1"),
        "山田^太郎".encode().decode("latin-1"),
        "Иванов^Пётр".encode("iso8859-5").decode("latin-1"),
        "山田".encode("euc_jp").decode("latin-1"),
        "???^??",
        "^",
        " ^ ^",
    ],
)
def test_names_that_lost_their_characters(name: str) -> None:
    assert is_garbled(name)


def test_every_group_of_a_name_counts() -> None:
    name = {"vr": "PN", "Value": [{"Alphabetic": "Yamada^Tarou", "Ideographic": "^"}]}
    assert has_garbled_name({"00100010": name}, "00100010")
    assert not has_garbled_name({"00100010": {"vr": "PN", "Value": [{"Alphabetic": "Doe^John"}, None]}}, "00100010")
    assert not has_garbled_name({"00100010": {"vr": "PN"}}, "00100010")
    assert not has_garbled_name({}, "00100010")
