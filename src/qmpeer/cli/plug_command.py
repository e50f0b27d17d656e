"""``qmpeer plug``: a device with its backends, all of it or nothing."""

import argparse
import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from qmpeer.cli.argument_words import (
    free_arguments,
    is_ambiguous,
    is_object,
    read_arguments,
    read_object,
    to_words,
)
from qmpeer.cli.command_line import ADDRESS, JSON, TIMEOUT, Subcommand, argument, check_text
from qmpeer.cli.connecting import connect
from qmpeer.cli.exits import DONE, STATUSES, UsageError
from qmpeer.cli.output import write_either
from qmpeer.client.hotplug import FLAT_OBJECTS, add_command, new_name
from qmpeer.errors import CommandError, LimitError, ValidationError
from qmpeer.values import JsonObject

if TYPE_CHECKING:
    from qmpeer.client import Client

_AFTER: Final = (
    """\
arguments:
  name=value     a property of the device; the server's type decides if the value is a number, a
                 boolean, text or JSON
  name:=text     always text
  '{...}'        all properties as one JSON object

A backend is the host's half of the device: 'driver=...' adds a block node, 'type=...' a netdev,
'backend.type=...' a chardev and 'qom-type=...' an object. Its arguments are one word, in which
quotes protect blanks, or one JSON object. Backends are added in the given order, and the device is
joined to the last one of each kind. If a step fails, everything is removed again.

The id of the device goes to standard output. Ids and node-names that aren't given are made.

example:
  $ qmpeer plug /run/vm.qmp virtio-blk-pci id=disk1 bus=port1 \\
        --backend 'driver=qcow2 node-name=node1 file.driver=file file.filename=disk1.qcow2'
  disk1

"""
    + STATUSES
)


class _Typed(NamedTuple):
    """One command of the plug, as it was typed."""

    command: str
    words: Sequence[str]


def _run(namespace: argparse.Namespace) -> int:
    if "=" in namespace.driver:
        raise UsageError(f"found {namespace.driver!r}, expected DRIVER first, such as usb-tablet")
    check_text(namespace.driver)
    words: Sequence[str] = namespace.words
    is_json = is_object(words)
    driver: JsonObject = {"driver": namespace.driver}
    device = _Typed("device_add", words if is_json else [f"driver:={namespace.driver}", *words])
    read_arguments(device.words)  # faults that need no server come first
    backends = [_typed_backend(*each) for each in enumerate(namespace.backend, 1)]
    with connect(namespace) as client:
        given = [_read(client, each) for each in backends]
        properties = _read(client, device)
        try:
            plugged = client.plug(driver | properties, given)
        except (LimitError, ValidationError, ValueError) as error:  # refused here
            raise UsageError(str(error)) from error
        except CommandError as error:
            _explain(client, [*backends, device], error)
            raise
    found: JsonObject = {
        "id": plugged.id,
        "backends": [{"kind": each.kind, "name": each.name} for each in plugged.backends],
    }
    write_either(namespace.json, found, plugged.id)
    return DONE


def _typed_backend(number: int, text: str) -> _Typed:
    """Return the command for one --backend."""
    try:
        words = [text] if is_object([text]) else shlex.split(text)
        given = read_arguments(words)
        command, member = add_command(given)
    except ValueError as error:
        # The text may hold a secret.
        raise UsageError(f"in --backend number {number}, {error}") from error
    if member not in given and not is_object(words):  # the schema requires most of these
        words.append(f"{member}:={new_name()}")
    return _Typed(command, words)


def _read(client: "Client", typed: _Typed) -> JsonObject:
    """Return the arguments that words stand for; the server's types decide."""
    if is_object(typed.words):
        return read_object(typed.words[0])
    words = to_words(typed.words)
    if any(map(is_ambiguous, words)) and not _has_old_form(client, typed.command):
        from qmpeer.cli.schema_arguments import read_by_server  # start: 30 ms

        found = read_by_server(client, typed.command, typed.words)
        if found is not None:
            return found
    return free_arguments(words)


def _has_old_form(client: "Client", command: str) -> bool:
    """Return whether the server takes the command in a form in which nobody types it."""
    version = None if client.greeting is None else client.greeting.version
    is_old = version is not None and version.qemu.major < FLAT_OBJECTS
    return is_old and command == "object-add"


def _explain(client: "Client", commands: Sequence[_Typed], error: CommandError) -> None:
    """Add hints about the refused command to the error, before its other notes."""
    from qmpeer.cli.schema_arguments import explain  # start: 30 ms

    refused = [each for each in commands if each.command == error.command]
    if refused:
        typed = refused[-1]
        words = [] if is_object(typed.words) else typed.words
        notes = getattr(error, "__notes__", [])
        error.__notes__ = [
            *explain(client, typed.command, words, read_arguments(typed.words), error),
            *notes,
        ]


COMMAND: Final = Subcommand(
    "qmpeer plug",
    "Plug a device into a running machine, with its block node, netdev, chardev or object.",
    _AFTER,
    (
        ADDRESS,
        JSON,
        TIMEOUT,
        argument("driver", "DRIVER", "the device's type, such as virtio-blk-pci",
                 completes="names:device-type"),
        argument("words", "ARGUMENT", "see below", nargs="*", default=[]),
        argument("--backend", "ARGUMENTS", "add a backend first; may be repeated",
                 action="append", default=[]),
    ),
    _run,
)  # fmt: skip
