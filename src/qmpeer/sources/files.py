"""Reading of files that a user named: only regular files, up to a size limit."""

import errno
import os
import stat

from qmpeer import limits
from qmpeer.errors import SchemaSyntaxError
from qmpeer.schema import Schema, schema_from_qapi


def read_regular(path: str, limit: int) -> bytes:
    """Return the contents of a file.

    Raises:
        SchemaSyntaxError: If the file is larger than `limit` bytes.
        OSError: If it can't be read, or isn't a regular file.
    """
    # Without O_NONBLOCK, opening a named pipe would wait for a writer.
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
    """Return the schema of a QAPI file and the files that it includes.

    Raises:
        SchemaError: If the schema is faulty.
        OSError: If the file can't be read.
    """

    def read(file: str) -> bytes:
        return read_regular(file, limits.SCHEMA_FILE_SIZE)

    return schema_from_qapi(path, read, is_strict=is_strict, release=release)
