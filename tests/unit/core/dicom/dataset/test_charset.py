"""Text in every character set (examples of PS3.5 annexes H to K)."""

import pytest

from radgate_server.core.dicom.dataset.charset import charset_of

NAMES = [
    (["ISO_IR 100"], b"Buc^J\xe9r\xf4me", "Buc^Jérôme"),
    (["ISO_IR 101"], b"W\xb3a\xb6cicielka", "Właścicielka"),
    (["ISO_IR 126"], b"\xc4\xe9\xef\xed\xf5\xf3\xe9\xef\xf2", "Διονυσιος"),
    (["ISO_IR 127"], b"\xe2\xc8\xc7\xe6\xea^\xe4\xe6\xd2\xc7\xd1", "قباني^لنزار"),
    (["ISO_IR 138"], b"\xf9\xf8\xe5\xef^\xe3\xe1\xe5\xf8\xe4", "שרון^דבורה"),
    (["ISO_IR 144"], b"\xbb\xee\xda\x63\x65\xdc\xd1yp\xd3", "\u041b\u044e\u043ace\u043c\u0431yp\u0433"),
    (["ISO_IR 166"], b"\xb9\xd2\xc2", "นาย"),
    (["ISO_IR 13"], b"\xd4\xcf\xc0\xde^\xc0\xdb\xb3", "ﾔﾏﾀﾞ^ﾀﾛｳ"),
    (
        ["", "ISO 2022 IR 87"],
        b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B",
        "Yamada^Tarou=山田^太郎=やまだ^たろう",
    ),
    (
        ["ISO 2022 IR 13", "ISO 2022 IR 87"],
        b"\xd4\xcf\xc0\xde^\xc0\xdb\xb3=\x1b$B;3ED\x1b(J^\x1b$BB@O:\x1b(J=\x1b$B$d$^$@\x1b(J^\x1b$B$?$m$&\x1b(J",
        "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう",
    ),
    (
        ["", "ISO 2022 IR 149"],
        b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7=\x1b$)C\xc8\xab^\x1b$)C\xb1\xe6\xb5\xbf",
        "Hong^Gildong=洪^吉洞=홍^길동",
    ),
    (
        ["", "ISO 2022 IR 58"],
        b"Zhang^XiaoDong=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1\xb6\xab=",
        "Zhang^XiaoDong=张^小东=",
    ),
    (["", "ISO 2022 IR 100", "ISO 2022 IR 144"], b"\x1b-AB\xfcrger \x1b-L\xbb\xee\xda^X", "Bürger Люк^X"),
    (["ISO_IR 192"], "王^小東".encode(), "王^小東"),
    (["GB18030"], "王^小东".encode("gb18030"), "王^小东"),
    (["GBK"], "王^小东".encode("gbk"), "王^小东"),
]


@pytest.mark.parametrize(("terms", "raw", "text"), NAMES)
def test_names(terms: list[str], raw: bytes, text: str) -> None:
    assert charset_of(terms).name(raw) == text


@pytest.mark.parametrize("term", ["ISO_IR 144", "ISO IR 144", "ISO-IR 144", "iso_ir_144 ", "ISO 2022 IR 144"])
def test_spellings_of_terms(term: str) -> None:
    assert charset_of([term]).text(b"\xbb") == "Л"


@pytest.mark.parametrize("terms", [[], [""], ["ISO_IR 6"], ["KLINGON"]])
def test_undeclared_text_is_utf8_or_latin1(terms: list[str]) -> None:
    assert charset_of(terms).text("Jérôme".encode()) == "Jérôme"
    assert charset_of(terms).text("Jérôme".encode("latin-1")) == "Jérôme"


def test_text_that_is_not_what_it_says_loses_little() -> None:
    assert charset_of(["ISO_IR 192"]).text(b"J\xe9r\xf4me") == "Jérôme"
    assert charset_of(["ISO 2022 IR 149"]).text(b"A\xff") == "A\ufffd"
    assert charset_of(["ISO_IR 101"]).text(b"A\x1b?B") == "A\x1b?B"


def test_line_ends_and_backslashes_end_an_escape() -> None:
    assert charset_of(["ISO_IR 100"]).text(b"\x1b-L\xbb\r\n\xfc\\\x1b-L\xbb\\\xfc") == "Л\r\nü\\Л\\ü"


def test_only_in_names_carets_end_an_escape() -> None:
    assert charset_of(["ISO_IR 100"]).text(b"\x1b-L\xbb^\xbb") == "Л^Л"
    assert charset_of(["ISO_IR 100"]).name(b"\x1b-L\xbb^\xfc") == "Л^ü"
