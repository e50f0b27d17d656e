"""Reading files that somebody named: regular ones only, and none without end."""

import errno
import os
import stat

from qmpeer import limits
from qmpeer.errors import SchemaSyntaxError
from qmpeer.schema import Schema, schema_from_qapi


def read_regular(path: str, limit: int) -> bytes:
    """Return what a file holds.

    Raises:
        SchemaSyntaxError: If that is more than so many bytes.
        OSError: If it can't be read, or is no regular file.
    """
    # Without O_NONBLOCK, to open a pipe waits for somebody who writes to it.
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise OSError(errno.EINVAL, "Not a regular file", path)
        with open(fd, "rb", closefd=False) as file:
            data = file.read(limit + 1)
    finally:
        os.close(fd)
    if len(data) > limit:
        raise SchemaSyntaxError(f"{path} is too large: at most {limit} bytes are read")
    return data


def read_qapi(
    path: str, *, release: tuple[int, int] | None = None, is_strict: bool = False
) -> Schema:
    """Return the schema whose first file this is.

    Raises:
        SchemaError: If it is faulty.
        OSError: If the file can't be read.
    """

    def read(file: str) -> bytes:
        return read_regular(file, limits.SCHEMA_FILE_SIZE)

    return schema_from_qapi(path, read, is_strict=is_strict, release=release)
