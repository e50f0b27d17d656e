"""A script in TOML: a server, its rules, and the faults between it and its clients."""

import os
from collections.abc import Collection
from typing import Final

import msgspec

from qmpeer import limits
from qmpeer.errors import FaultError, ScriptError
from qmpeer.faults import Fault, parse_fault
from qmpeer.messages import CAPABILITIES, QemuVersion, Version, greeting_message
from qmpeer.script.backend import ScriptBackend
from qmpeer.script.checks import Checks, checks_for
from qmpeer.script.script import Script
from qmpeer.script.toml_rules import (
    add_after,
    add_expectation,
    add_opening,
    add_otherwise,
    add_rule,
)
from qmpeer.toml.items import DocumentKind, Item, read_document
from qmpeer.values import JsonObject

_SERVER: Final = frozenset(
    {
        "version",
        "package",
        "capabilities",
        "greeting",
        "agent",
        "schema",
        "deprecated",
        "faults",
        "seed",
    }
)
_RULES: Final = {
    "on": add_rule,
    "expect": add_expectation,
    "when-ready": add_opening,
    "after": add_after,
}
_KIND: Final = DocumentKind(
    "scripts in TOML", "pip install '.[testing]'", limits.SCRIPT_FILE, ScriptError
)
_TABLES: Final = frozenset({"server", "behaviours", "otherwise", *_RULES})


class TomlScript(msgspec.Struct, frozen=True):
    """A script that was read from a file.

    Attributes:
        script: The rules.
        backend: The server that follows them, as a raw backend.
        faults: The faults between it and its clients.
        seed: The seed of their chance, or None.
    """

    script: Script
    backend: ScriptBackend
    faults: tuple[Fault, ...] = ()
    seed: int | None = None


def load_script(path: "str | os.PathLike[str]", *, besides: Collection[str] = ()) -> TomlScript:
    """Read a script in TOML.

    Args:
        path: The file; names of files in it are relative to its folder.
        besides: The names of tables that others read.

    Raises:
        OSError: If the file can't be read.
        ScriptError: If it is no such script; its place is the file, the line and the column.
        ModuleNotFoundError: If the extra ``testing`` isn't installed.
    """
    path = os.fspath(path)
    document = read_document(path, _KIND)
    tables = document.table({*_TABLES, *besides})
    server = tables["server"].table(_SERVER) if "server" in tables else {}
    version = Version(QemuVersion(*_version(server)), _text(server, "package"))
    greeting = _greeting(server, version)
    script = Script(_checks(server, os.path.dirname(path)), None if greeting is None else version)
    for name, add in _RULES.items():
        for item in tables[name].array() if name in tables else ():
            add(script, item)
    if "otherwise" in tables:
        add_otherwise(script, tables["otherwise"])
    backend = ScriptBackend(script, greeting)
    if "behaviours" in tables:
        from qmpeer.script.toml_behaviours import add_behaviours  # start: 10 ms

        add_behaviours(backend, tables["behaviours"])
    return TomlScript(
        script,
        backend,
        tuple(_fault(item) for item in server["faults"].array()) if "faults" in server else (),
        server["seed"].integer() if "seed" in server else None,
    )


def _text(server: dict[str, Item], key: str) -> str:
    return server[key].text() if key in server else ""


def _version(server: dict[str, Item]) -> tuple[int, int, int]:
    if "version" not in server:
        return 7, 2, 0
    version = server["version"]
    if not isinstance(version.value, list) or len(version.value) != 3:
        raise version.wrong("[MAJOR, MINOR, MICRO], such as [7, 2, 0]")
    numbers = [item.integer() for item in version.array()]
    return numbers[0], numbers[1], numbers[2]


def _greeting(server: dict[str, Item], version: Version) -> JsonObject | None:
    is_agent = "agent" in server and server["agent"].flag()
    for key in ("greeting", "capabilities", "version", "package"):
        if key in server and is_agent:
            raise server[key].refused(
                "found it with agent = true, expected none: agents don't greet"
            )
    if is_agent:
        return None
    if "greeting" in server:
        for key in ("capabilities", "package"):
            if key in server:
                raise server[key].refused("found it beside greeting, expected it in there")
        return server["greeting"].json_object()
    offered: tuple[str, ...] = CAPABILITIES
    if "capabilities" in server:
        offered = tuple(item.text() for item in server["capabilities"].array())
    return greeting_message(version, offered)


def _checks(server: dict[str, Item], folder: str) -> Checks:
    deprecated = server["deprecated"].text("accept", "fail") if "deprecated" in server else "accept"
    item = server.get("schema", server.get("deprecated"))
    if item is None:
        return checks_for(None)
    source = item.text() if "schema" in server else None
    if source is not None and os.path.exists(beside := os.path.join(folder, source)):
        source = beside
    try:
        return checks_for(source, deprecated)
    except ScriptError as error:
        raise item.refused(error.reason) from error


def _fault(item: Item) -> Fault:
    try:
        return parse_fault(item.text())
    except FaultError as error:
        raise item.refused(str(error)) from None
