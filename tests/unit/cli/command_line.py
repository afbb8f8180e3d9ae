"""The command line as a person types it."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from radgate_server.cli import radgate


class Cli:
    """Runs commands on one data_dir."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.environment = {"RADGATE_DATA_DIR": str(data_dir), "RADGATE_DATABASE_URL": ""}

    def run(self, *arguments: str, typed: str = "") -> Result:
        runner = CliRunner(env=self.environment)
        return runner.invoke(radgate, list(arguments), input=typed, prog_name="radgate")

    def ok(self, *arguments: str, typed: str = "") -> Result:
        result = self.run(*arguments, typed=typed)
        assert result.exit_code == 0, result.output
        return result

    def refused(self, *arguments: str, status: int = 1) -> str:
        """The one line that says why."""
        result = self.run(*arguments)
        assert (result.exit_code, result.stdout) == (status, "")
        return result.stderr

    def json(self, *arguments: str) -> Any:
        return json.loads(self.ok(*arguments, "--json").stdout)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.data_dir / "radgate.db")) as connection:
            return connection.execute(sql).fetchall()

    def change(self, sql: str, values: tuple[Any, ...]) -> None:
        with closing(sqlite3.connect(self.data_dir / "radgate.db")) as connection, connection:
            connection.execute(sql, values)
