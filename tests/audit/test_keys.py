"""Keys of audit logs: files for their owner only.

Modules: keys.
"""

import stat
from pathlib import Path

import pytest

from qmpeer.audit.chain import key_name
from qmpeer.audit.keys import make_key, read_key
from qmpeer.errors import AuditError


def test_a_new_key(tmp_path: Path) -> None:
    path = tmp_path / "vm.key"
    key = make_key(str(path))
    assert len(key) == 32
    assert read_key(str(path)) == key
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert key.hex() not in key_name(key)
    with pytest.raises(FileExistsError):
        make_key(str(path))
    assert make_key(str(tmp_path / "other.key")) != key


@pytest.mark.parametrize(
    "text", ["", "a" * 30, "a" * 33, "a" * 130, "g" * 32, "a" * 32 + " " + "a" * 32, "a" * 9999]
)
def test_what_is_no_key(tmp_path: Path, text: str) -> None:
    path = tmp_path / "key"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(AuditError, match="found no key, expected 16 to 64 bytes in hexadecimal"):
        read_key(str(path))


@pytest.mark.parametrize("size", [16, 64])
def test_keys_of_others(tmp_path: Path, size: int) -> None:
    path = tmp_path / "key"
    path.write_text(f"\n{'Ab' * size}\n")
    path.chmod(0o400)
    assert read_key(str(path)) == b"\xab" * size


def test_a_key_that_others_may_read(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("ab" * 32)
    path.chmod(0o640)
    with pytest.raises(AuditError, match="found mode 0640, expected 0600"):
        read_key(str(path))
    with pytest.raises(FileNotFoundError):
        read_key(str(tmp_path / "none"))
