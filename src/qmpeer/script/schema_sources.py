"""The schema that a script names, loaded once in each process."""

import os
from collections.abc import Callable
from threading import Lock
from typing import Final, TypeAlias

from qmpeer import limits
from qmpeer.errors import QMPError, ScriptError
from qmpeer.schema import Schema, select
from qmpeer.script.places import calling_place
from qmpeer.script.schema_checks import SchemaChecks
from qmpeer.sources import installed_schema, load_schema
from qmpeer.sources.loading import installed_program

SchemaSource: TypeAlias = Schema | str | os.PathLike[str]

_loaded: Final[dict[object, tuple[object, SchemaChecks]]] = {}
_lock: Final = Lock()


def checks_of(source: SchemaSource, *, rejects_deprecated: bool = False) -> SchemaChecks:
    """Return the checks against a schema.

    A file is read again if it has changed. An address, and the QEMU that is installed, are asked
    once in each process.

    Args:
        source: A schema; a QAPI file; a file with an answer to query-qmp-schema, alone or in a
            recording; the address of a running server; "installed" for the QEMU on PATH, or
            "installed:PROGRAM". Of a QAPI file, the parts under a condition are there, and those
            under a condition that begins with "not" are not.
        rejects_deprecated: Report the use of what is deprecated.

    Raises:
        ScriptError: If there is no schema at the source, or a faulty one.
    """
    try:
        key, load = _key_and_loader(source)
        with _lock:
            found = _loaded.get((key, rejects_deprecated))
            if found is None:
                while len(_loaded) >= limits.SCRIPT_SCHEMAS:
                    del _loaded[next(iter(_loaded))]
                # The source is kept with the checks: the key of a Schema is its identity.
                found = source, SchemaChecks(load(), rejects_deprecated)
                _loaded[key, rejects_deprecated] = found
            return found[1]
    except (OSError, ValueError, QMPError) as error:
        raise ScriptError(_reason(source, error), str(calling_place())) from error


def _key_and_loader(source: SchemaSource) -> tuple[object, Callable[[], Schema]]:
    if isinstance(source, Schema):
        return id(source), lambda: _settled(source)
    path = os.fspath(source)
    program = installed_program(path)
    if program is not None and not os.path.exists(path):
        return (None, program, os.environ.get("PATH")), lambda: installed_schema(program)
    return (path, _stamp(path)), lambda: _settled(load_schema(path))


def _reason(source: SchemaSource, error: Exception) -> str:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    if isinstance(source, Schema) or reason.startswith(os.fspath(source)):
        return f"schema {reason}"
    if isinstance(error, FileNotFoundError) and ":" not in os.fspath(source):
        reason += ", expected a file, an address or installed"
    return f"schema {os.fspath(source)!r}: {reason}"


def _settled(schema: Schema) -> Schema:
    return select(schema, lambda name: True)


def _stamp(path: str) -> tuple[int, ...]:
    """Return what changes with a file; the same for every address without one."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return ()
    return status.st_ino, status.st_size, status.st_mtime_ns
