"""The key of an audit log: a file with 16 to 64 random bytes in hexadecimal, for its owner only."""

import os
import re
import secrets
import stat
from typing import Final

from qmpeer import limits
from qmpeer.errors import AuditError

_SIZE: Final = 32
_LEAST: Final = 16


def make_key(path: str) -> bytes:
    """Write a new random key to a new file, and return the key.

    Raises:
        OSError: If the file is there already, or can't be written.
    """
    key = secrets.token_bytes(_SIZE)
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    with open(fd, "w", encoding="ascii") as file:
        file.write(f"{key.hex()}\n")
    return key


def read_key(path: str) -> bytes:
    """Return the key in a file.

    Raises:
        AuditError: If it is no key, or others than its owner may read it.
        OSError: If it can't be read.
    """
    with open(path, "rb") as file:
        mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
        if mode & 0o077:
            raise AuditError(f"found mode {mode:04o}, expected 0600: others may read the key", path)
        text = file.read(2 * limits.AUDIT_KEY + 2).strip()
    if not re.fullmatch(rb"(?:[0-9a-fA-F]{2}){%d,%d}" % (_LEAST, limits.AUDIT_KEY), text):
        expected = f"{_LEAST} to {limits.AUDIT_KEY} bytes in hexadecimal"
        raise AuditError(f"found no key, expected {expected}", path)
    return bytes.fromhex(text.decode())
