"""Loading of a schema from any kind of source."""

import os
import stat
from typing import Final

from qmpeer import limits
from qmpeer.schema import Schema, schema_from_introspection
from qmpeer.sources.files import read_qapi, read_regular
from qmpeer.sources.installed import QEMU, installed_schema
from qmpeer.sources.live import ask
from qmpeer.sources.saved import find_answer, holds_answers

_INSTALLED: Final = "installed"


def load_schema(
    source: str | os.PathLike[str],
    *,
    timeout: float | None = limits.CONNECT_TIMEOUT,
    release: tuple[int, int] | None = None,
    is_strict: bool = False,
) -> Schema:
    """Load a schema from a file, a running monitor, or the QEMU that is installed.

    The conditions in a QAPI file aren't evaluated: they stay in the schema.

    Args:
        source: A QAPI file; a file with an answer to query-qmp-schema, alone or anywhere in a
            recorded conversation; the address of a running monitor; or "installed" for the QEMU
            on PATH, "installed:PROGRAM" for another program. If it is the path of an existing
            file other than a socket, that file is read.
        timeout: Seconds for a monitor's greeting, and again for its answer; None waits for ever.
        release: The QEMU release of a QAPI file, if known, such as (4, 2).
        is_strict: Check a QAPI file against today's style rules, too.

    Raises:
        SchemaError: If the source holds no schema, or a faulty one.
        OSError: If the source can't be read or reached, or doesn't answer in time.
        CommandError: If the monitor has no query-qmp-schema.
        ValueError: If the source is neither a file nor an address.
    """
    path = os.fspath(source)
    mode = _mode(path)
    if mode is None and (program := installed_program(path)) is not None:
        return installed_schema(program)
    if mode is None or stat.S_ISSOCK(mode):
        # Probably a misspelt file name: the error of an address would mislead.
        if mode is None and path.endswith((".json", ".replies")) and ":" not in path:
            raise FileNotFoundError(2, "No such file or directory", path)
        return schema_from_introspection(ask(path, timeout))
    data = read_regular(path, limits.SCHEMA_SIZE)
    if holds_answers(data):
        return schema_from_introspection(find_answer(data, path))
    return read_qapi(path, release=release, is_strict=is_strict)


def installed_program(source: str) -> str | None:
    """Return the program that a source names as "installed" or "installed:PROGRAM", or None."""
    word, _, program = source.partition(":")
    return program or QEMU if word == _INSTALLED else None


def _mode(path: str) -> int | None:
    try:
        return os.stat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None
    except ValueError:  # a NUL byte in it
        raise ValueError(f"found {path!r}, expected a file or an address") from None
