"""One word that names a schema, whatever kind of source it is."""

import os
import stat

from qmpeer import limits
from qmpeer.schema import Schema, schema_from_introspection
from qmpeer.sources.files import read_qapi, read_regular
from qmpeer.sources.live import ask
from qmpeer.sources.saved import find_answer, holds_answers


def load_schema(
    source: str | os.PathLike[str],
    *,
    timeout: float | None = limits.CONNECT_TIMEOUT,
    release: tuple[int, int] | None = None,
    is_strict: bool = False,
) -> Schema:
    """Return the schema that a word names.

    Conditions stay in the schema of a QAPI file.

    Args:
        source: A QAPI file; a file with an answer to query-qmp-schema, alone or anywhere in a
            recorded conversation; or the address of a running monitor. A word that names a file
            which is no socket is that file, any other an address.
        timeout: Seconds for a monitor to greet, and then for its answer; None waits for ever.
        release: The release of QEMU that a QAPI file is from, where that is known, as (4, 2).
        is_strict: Hold a QAPI file to the rules of today's style.

    Raises:
        SchemaError: If what is there is no schema, or a faulty one.
        OSError: If it can't be read or reached, or doesn't answer in time.
        CommandError: If the monitor has no query-qmp-schema.
        ValueError: If the word is neither a file nor an address.
    """
    path = os.fspath(source)
    mode = _mode(path)
    if mode is None or stat.S_ISSOCK(mode):
        if mode is None and path.endswith((".json", ".replies")) and ":" not in path:
            raise FileNotFoundError(2, "No such file or directory", path)
        return schema_from_introspection(ask(path, timeout))
    data = read_regular(path, limits.SCHEMA_SIZE)
    if holds_answers(data):
        return schema_from_introspection(find_answer(data, path))
    return read_qapi(path, release=release, is_strict=is_strict)


def _mode(path: str) -> int | None:
    try:
        return os.stat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None
    except ValueError:  # a NUL within
        raise ValueError(f"found {path!r}, expected a file or an address") from None
