"""Silences in a file of the data folder: the command line writes it, a running server reads it."""

import json
import os
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from radgate_server.core.alerts.alert import Silence
from radgate_server.core.errors import ConfigurationError

NAME = "silences.json"


class SilenceFile:
    """SilenceRegister below `data_dir`. All methods block on the disk."""

    def __init__(self, data_dir: Path) -> None:
        self._path = data_dir / NAME

    def silences(self) -> Sequence[Silence]:
        """Those that are written down; none when the file is missing or can't be read: then nothing is silenced."""
        try:
            return [_decoded(row) for row in json.loads(self._path.read_bytes())]
        except (OSError, ValueError, KeyError, TypeError):
            return []

    def write(self, silences: Sequence[Silence]) -> None:
        """Put these in the place of all.

        Raises:
            ConfigurationError: the file can't be written.
        """
        rows = [_encoded(silence) for silence in silences]
        try:
            fd, name = tempfile.mkstemp(dir=self._path.parent, prefix=NAME)
            try:
                with os.fdopen(fd, "w", encoding="utf-8") as file:
                    json.dump(rows, file, indent=2)
                Path(name).replace(self._path)
            except BaseException:
                with suppress(OSError):
                    Path(name).unlink()
                raise
        except OSError as error:
            raise ConfigurationError(f"silences can't be written down: {os.strerror(error.errno or 0)}") from None


def _encoded(silence: Silence) -> dict[str, object]:
    return {
        "id": silence.silence_id,
        "alert": silence.name,
        "labels": dict(silence.labels),
        "until": silence.until.isoformat(),
    }


def _decoded(row: dict[str, str | dict[str, str]]) -> Silence:
    silence_id, name, labels, until = row["id"], row["alert"], row["labels"], row["until"]
    if not isinstance(labels, dict):
        raise TypeError("labels")
    return Silence(str(silence_id), str(name), tuple(labels.items()), datetime.fromisoformat(str(until)))
