"""Check that the built-in machine and its QAPI files agree.

Faults, one line each, on standard output: a file that breaks QEMU's rules of today, which require
documentation of everything; a command without a handler, a handler without a command; an event that
is emitted but not declared, or declared but emitted nowhere. Status 1 if there is a fault.
"""

import ast
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from qmpeer.errors import SchemaError
from qmpeer.machine.interface import load
from qmpeer.machine.machine import Machine
from qmpeer.machine.options import Options
from qmpeer.monitor import Monitor
from qmpeer.schema import Schema, schema_from_qapi

SOURCES = Path(__file__).parent.parent / "src" / "qmpeer"


def language_faults(path: Path) -> Iterator[str]:
    """Give the faults, by today's rules, of a QAPI file and those that it includes."""
    try:
        schema_from_qapi(str(path), lambda name: Path(name).read_bytes(), is_strict=True)
    except SchemaError as error:
        yield from (str(found) for found in (error, *error.others))


def command_faults(schema: Schema, monitor: Monitor) -> Iterator[str]:
    """Yield the commands that are only declared, or only registered."""
    for name in monitor.missing_handlers():
        yield f"command {name} is declared, but has no handler"
    declared = {command.name for command in schema.commands()}
    for command in monitor.schema().commands():
        if command.name not in declared:
            yield f"command {command.name} has a handler, but is not declared"


def event_faults(schema: Schema, sources: Iterable[str]) -> Iterator[str]:
    """Yield the events that are only declared, or only emitted."""
    declared = {event.name for event in schema.events()}
    emitted = {name for text in sources for name in _emitted(text)}
    for name in sorted(emitted - declared):
        yield f"event {name} is emitted, but not declared"
    for name in sorted(declared - emitted):
        yield f"event {name} is declared, but emitted nowhere"


def _emitted(text: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Call(
                func=ast.Attribute(attr="emit"), args=[ast.Constant(value=str(name)), *_]
            ):
                yield name


def faults() -> Iterator[str]:
    """Give the faults of the machine's interface."""
    yield from language_faults(SOURCES / "machine" / "qapi" / "qapi-schema.json")
    schema = load()
    yield from command_faults(schema, Machine(Options()).monitor)
    files = sorted((SOURCES / "machine").glob("*.py"))
    yield from event_faults(schema, (file.read_text() for file in files))


def main() -> int:
    """Print the faults; return the exit status."""
    found = list(faults())
    print(*found, sep="\n", end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
