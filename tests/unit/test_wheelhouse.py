"""What the folder for installing without a network says of its wheels."""

import hashlib
from pathlib import Path

from scripts.wheelhouse import requirements


def test_each_wheel_is_named_with_its_version_and_hash(tmp_path: Path) -> None:
    for name in ("radgate_server-0.1.0-py3-none-any.whl", "typing_extensions-4.1-py3-none-any.whl"):
        (tmp_path / name).write_bytes(name.encode())
    (tmp_path / "requirements.txt").write_text("old", encoding="utf-8")
    digest = hashlib.sha256(b"radgate_server-0.1.0-py3-none-any.whl").hexdigest()
    lines = list(requirements(tmp_path))
    assert lines[0] == f"radgate-server==0.1.0 --hash=sha256:{digest}"
    assert [line.partition(" ")[0] for line in lines] == ["radgate-server==0.1.0", "typing-extensions==4.1"]
