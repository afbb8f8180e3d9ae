"""The codec table, the core's table, and the manual say the same."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from radgate_server.adapters.imaging.codecs.table import CODECS, Codec, load
from radgate_server.core.dicom.transfer_syntaxes import TRANSFER_SYNTAXES


def functions_of(row: Codec) -> Iterator[str]:
    if row.decoding:
        yield from row.decoding.decoders
        yield from (row.decoding.reducer,) if row.decoding.reducer else ()
    if row.encoding:
        yield row.encoding.encoder


MANUAL = Path(__file__).parents[5] / "docs" / "transfer-syntaxes.md"
FUNCTIONS = sorted({name for row in CODECS.values() for name in functions_of(row)})
FORBIDDEN = ("grpc", "sqlalchemy", "pynetdicom", "imagecodecs", "PIL", "pydicom")


def test_every_transfer_syntax_has_a_row() -> None:
    assert set(CODECS) == set(TRANSFER_SYNTAXES)


@pytest.mark.parametrize("uid", TRANSFER_SYNTAXES)
def test_the_core_knows_what_codecs_can(uid: str) -> None:
    syntax, codec = TRANSFER_SYNTAXES[uid], CODECS[uid]
    assert syntax.decodable is (codec.decoding is not None)
    assert syntax.encodable is (codec.encoding is not None)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_function_is_there(function: str) -> None:
    assert callable(load(function))


def test_importing_the_codecs_loads_no_library() -> None:
    code = "import sys, radgate_server.adapters.imaging.codecs; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {name.partition(".")[0] for name in done.stdout.split()} & set(FORBIDDEN)


def test_the_manual_has_the_same_table() -> None:
    rows = [line for line in MANUAL.read_text().splitlines() if line.startswith("| 1.2.840")]
    assert rows == [manual_row(uid) for uid in TRANSFER_SYNTAXES]


def manual_row(uid: str) -> str:
    syntax, codec = TRANSFER_SYNTAXES[uid], CODECS[uid]
    passes = {"video": "passed through", "reference": "passed through"}.get(syntax.kind, "no")
    cells = (
        uid,
        syntax.name,
        "yes" if syntax.decodable else passes,
        "yes" if syntax.encodable else "no",
        "yes" if syntax.lossy else "no",
        *(codec.decoding.library if codec.decoding else ("-", "-")),
    )
    return f"| {' | '.join(cells)} |"
