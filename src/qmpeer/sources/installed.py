"""The schema of the QEMU that is installed: asked once, then kept in a cache.

The cache is ``qmpeer`` below ``$XDG_CACHE_HOME``, by default ``~/.cache``. It holds one file for
each program, with the program's answer to query-qmp-schema, its size and its time of change: an
update of the program makes the file stale. Several processes may read and write it at once.
"""

import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

import msgspec

from qmpeer import limits
from qmpeer.client import Client
from qmpeer.errors import QMPError
from qmpeer.schema import Schema, schema_from_introspection
from qmpeer.values import JsonValue

QEMU: Final = "qemu-system-x86_64"
_BARE: Final = ("-machine", "none,accel=tcg:kvm:hvf:qtest", "-nodefaults", "-display", "none")
"""The options of a machine without devices, which starts on any host."""


class _Kept(msgspec.Struct):
    """A file of the cache, which is a saved answer as well."""

    program: str
    size: int
    mtime: int
    answer: Any = msgspec.field(name="return")


def installed_schema(
    program: str = QEMU, *, environment: Mapping[str, str] | None = None
) -> Schema:
    """Return the schema of a program that is installed.

    The first call starts the program with a machine that has no devices, asks it, and ends it.
    Further calls, in any process, read the cache.

    Args:
        program: A QEMU or a storage daemon, as a name to look up in PATH or as a path. Fakes of
            qmpeer in PATH are passed over.
        environment: The variables to use; by default those of the process.

    Raises:
        OSError: If the program isn't installed, or can't be started.
        QMPError: If it doesn't answer.
        SchemaError: If its answer is no schema.
    """
    environment = os.environ if environment is None else environment
    path = find_program(program, environment.get("PATH", os.defpath))
    status = os.stat(path)
    file = os.path.join(_cache(environment), _name(path))
    kept = _read(file)
    if kept is None or (kept.program, kept.size, kept.mtime) != (
        path,
        status.st_size,
        status.st_mtime_ns,
    ):
        kept = _Kept(path, status.st_size, status.st_mtime_ns, _ask(path))
        with suppress(OSError):  # a home that can't be written: ask again the next time
            _write(file, msgspec.json.encode(kept))
    return schema_from_introspection(kept.answer)


def find_program(name: str, path: str) -> str:
    """Return the real path of a program.

    Args:
        name: Its name, or a path.
        path: The folders to look in, as in the variable PATH.

    Raises:
        FileNotFoundError: If there is none.
    """
    for folder in path.split(os.pathsep):
        found = shutil.which(name, path=folder or os.curdir)
        if found is not None and not _is_fake(found):
            return os.path.realpath(found)
    raise FileNotFoundError(2, "No such program", name)


def _is_fake(path: str) -> bool:
    """Return whether a program is a script that starts qmpeer, in place of the real one."""
    with open(path, "rb") as file:
        head = file.read(limits.FAKE_HEAD)
    return head.startswith(b"#!") and b"qmpeer" in head


def _ask(path: str) -> JsonValue:
    is_daemon = os.path.basename(path).startswith("qemu-storage-daemon")
    argv = [path, *(() if is_daemon else _BARE)]
    with Client.launch(argv, capabilities=(), command_timeout=limits.CONNECT_TIMEOUT) as client:
        try:
            answer: JsonValue = client.execute("query-qmp-schema")
        except TimeoutError:
            raise QMPError(f"{path} doesn't answer query-qmp-schema") from None
    return answer


# --- The cache ----------------------------------------------------------------------------------


def _cache(environment: Mapping[str, str]) -> str:
    base = environment.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return os.path.join(base, "qmpeer")


def _name(path: str) -> str:
    return f"schema-{hashlib.sha256(os.fsencode(path)).hexdigest()[:16]}.json"


def _read(file: str) -> _Kept | None:
    """Return what a file of the cache holds; None if it is missing, foreign or damaged."""
    try:
        with open(file, "rb") as opened:
            if os.fstat(opened.fileno()).st_uid != os.getuid():
                return None
            data = opened.read(limits.SCHEMA_SIZE + 1)
        return None if len(data) > limits.SCHEMA_SIZE else msgspec.json.decode(data, type=_Kept)
    except (OSError, msgspec.DecodeError):
        return None


def _write(file: str, data: bytes) -> None:
    folder = os.path.dirname(file)
    os.makedirs(folder, mode=0o700, exist_ok=True)
    if stat.S_IMODE(os.stat(folder).st_mode) & 0o022:
        return  # others could replace what is in it
    fd, new = tempfile.mkstemp(prefix=".schema-", dir=folder)
    try:
        with open(fd, "wb") as opened:
            opened.write(data)
        os.replace(new, file)
    except BaseException:
        os.unlink(new)
        raise
