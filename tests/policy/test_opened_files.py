"""The files of a command that the proxy opens: found in its arguments, held from judgement on.

Modules: held_files, opened_files.
"""

import os
from pathlib import Path

import pytest

from qmpeer.policy.held_files import HeldFiles
from qmpeer.policy.opened_files import files_to_open, with_names
from qmpeer.policy.paths import ServerFiles
from qmpeer.values import JsonObject

TREE: JsonObject = {
    "driver": "qcow2",
    "read-only": True,
    "file": {"driver": "file", "filename": "/srv/a"},
    "backing": {"driver": "raw", "file": {"driver": "file", "filename": "/dev/fdset/3"}},
    "children": [{"driver": "file", "filename": "/srv/b"}, "a node"],
    "node-name": "filename",
}


def test_all_names_of_files_in_a_tree() -> None:
    found = files_to_open(TREE, [()])
    assert [(each.name, each.is_read_only) for each in found] == [
        ("/srv/a", True),
        ("/srv/b", True),
    ]


def test_a_member_and_the_elements_of_a_list() -> None:
    found = files_to_open({**TREE, "read-only": False}, [("children", "*", "filename")])
    assert [(each.way, each.is_read_only) for each in found] == [
        (("children", 0, "filename"), False)
    ]
    assert files_to_open(TREE, [("file", "driver"), ("nothing",), ("file", "filename", "x")]) == []


def test_names_are_replaced_in_a_copy() -> None:
    names = {each.way: f"/dev/fdset/{n}" for n, each in enumerate(files_to_open(TREE, [()]), 7)}
    changed = with_names(TREE, names)
    assert changed["file"] == {"driver": "file", "filename": "/dev/fdset/7"}
    assert changed["children"] == [{"driver": "file", "filename": "/dev/fdset/8"}, "a node"]
    assert TREE["file"] == {"driver": "file", "filename": "/srv/a"}
    assert changed["node-name"] == "filename"


def test_what_was_judged_is_what_is_opened(tmp_path: Path) -> None:
    folder, other = tmp_path / "vm", tmp_path / "other"
    folder.mkdir()
    other.write_text("other")
    disk = folder / "disk"
    disk.write_text("disk")
    files = ServerFiles.of_this_machine()
    held = HeldFiles(files)
    try:
        assert held.under(str(disk), str(folder)) is None
        disk.unlink()
        disk.symlink_to(other)
        assert held.head(str(disk), 9) == b"disk"
        fd = held.open(str(disk), os.O_RDONLY)
        assert os.read(fd, 9) == b"disk"
        os.close(fd)
        with pytest.raises(FileNotFoundError):
            held.open(str(folder / "none"), os.O_RDONLY)
        with pytest.raises(ValueError, match="neither a file nor"):
            held.open(str(folder), os.O_RDONLY)
        assert held.under(str(other), str(folder)) is not None
    finally:
        held.close()
        files.close()
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        again = HeldFiles(ServerFiles.of_this_machine())
        again.under(str(other), str(folder))
        again.close()
        again._files.close()
    assert len(os.listdir("/proc/self/fd")) == before
