"""Folders for sockets: their paths have room for a name within every system's limit."""

import os
import stat
import tempfile
from pathlib import Path

import pytest

from qmpeer import limits
from qmpeer.transport.short_folder import ShortFolder


@pytest.mark.parametrize("longer", [0, 1])
def test_a_path_fits(longer: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    name = "qmp"
    own = len("/qmpeer-12345678/") + len(name)
    parent = tmp_path / ("x" * (limits.SHORT_UNIX_PATH - own - len(bytes(tmp_path)) - 1 + longer))
    parent.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(parent))
    with ShortFolder() as folder:
        assert not os.listdir(parent)  # it is made when it is needed
        path = Path(folder.path(name))
        assert path.parent.parent == (Path("/tmp") if longer else parent)
        assert len(bytes(path)) <= limits.SHORT_UNIX_PATH
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        assert not os.listdir(parent) or not longer  # the longer one is removed again
        assert folder.path("control") == str(path.parent / "control")
        path.touch()
    assert not path.parent.exists()
