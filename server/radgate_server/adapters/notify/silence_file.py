"""Silences in a file of the data folder: the command line writes it, a running server reads it."""

import json
import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from radgate_server.core.alerts.alert import Silence
from radgate_server.core.errors import ConfigurationError
from radgate_server.lib.files import write_whole

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
        rows = json.dumps([_encoded(silence) for silence in silences], indent=2)
        try:
            write_whole(self._path, (rows.encode(),))
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
