"""``qmpeer qom``: a machine's objects in QEMU's object model (QOM), and their properties."""

import argparse
from collections.abc import Iterator, Sequence
from typing import Any, Final

from qmpeer import limits
from qmpeer.cli.argument_words import to_words
from qmpeer.cli.command_line import JSON, TIMEOUT, VerbGroup, argument, check_text, count, example
from qmpeer.cli.connecting import connect
from qmpeer.cli.exits import DONE, RefusedError
from qmpeer.cli.output import standard_output, write_json
from qmpeer.display.json_text import one_line
from qmpeer.display.layout import Layout
from qmpeer.inventory.objects import children, properties, values
from qmpeer.schema import Schema
from qmpeer.schema.model import BUILT_INS
from qmpeer.shell.input_errors import InputError
from qmpeer.shell.properties import property_type
from qmpeer.shell.typed_arguments import ArgumentReader
from qmpeer.values import JsonObject, JsonValue

_PATH: Final = argument("path", "PATH", "the object, such as /machine", completes="names:qom-path")
COMMAND: Final = VerbGroup(
    "qmpeer qom",
    "Show a machine's objects in QEMU's object model (QOM), and change their properties.",
    JSON,
    TIMEOUT,
    has_address_first=True,
)


# The tree


@COMMAND.verb(
    "tree",
    "Show an object and all objects below it.",
    example(
        "  $ qmpeer qom /run/vm.qmp tree /machine/peripheral\n"
        "  /machine/peripheral\n  ├─ net0 (virtio-net-pci)\n  ..."
    ),
    argument(
        "path",
        "PATH",
        "the object to begin with (default /)",
        completes="names:qom-path",
        nargs="?",
        default="/",
    ),
    argument("--depth", "N", "show at most N levels", type=count, default=limits.QOM_DEPTH),
)
def _tree(namespace: argparse.Namespace) -> int:
    check_text(namespace.path)
    with connect(namespace) as client:
        tree = children(client, namespace.path, namespace.depth)
    if namespace.json:
        write_json({"path": namespace.path, "children": tree}, is_pretty=None)
        return DONE
    output = standard_output()
    output.write(
        [
            output.palette.paint("heading", output.fitted(namespace.path)),
            *_branches(tree, output, ""),
        ]
    )
    return DONE


def _branches(tree: Sequence[Any], output: Layout, before: str) -> Iterator[str]:
    is_plain = output.encoded("├") != "├"
    for number, entry in enumerate(tree, 1):
        is_last = number == len(tree)
        mark = ("`- " if is_last else "|- ") if is_plain else ("└─ " if is_last else "├─ ")
        yield output.fitted(f"{before}{mark}{entry['name']} ({entry['type']})")
        bar = "   " if is_last else "|  " if is_plain else "│  "
        yield from _branches(entry.get("children", ()), output, before + bar)


# Properties


@COMMAND.verb(
    "list",
    "List the properties of an object with their types.",
    example("  $ qmpeer qom /run/vm.qmp list /machine\n  acpi  OnOffAuto\n  ..."),
    _PATH,
)
def _list_all(namespace: argparse.Namespace) -> int:
    check_text(namespace.path)
    with connect(namespace) as client:
        found = properties(client, namespace.path)
    _show([{"name": name, "type": kind} for name, kind in found], namespace.json)
    return DONE


@COMMAND.verb(
    "get",
    "Show the value of one property, or of all properties of an object.",
    example('  $ qmpeer qom /run/vm.qmp get /machine type\n  "pc-q35-7.2-machine"'),
    _PATH,
    argument("name", "PROPERTY", "the property; default: all", nargs="?"),
)
def _get(namespace: argparse.Namespace) -> int:
    check_text(namespace.path)
    with connect(namespace) as client:
        if namespace.name is not None:
            check_text(namespace.name)
            value = client.execute("qom-get", {"path": namespace.path, "property": namespace.name})
            write_json(value, is_pretty=False if namespace.json else None)
            return DONE
        _show(list(values(client, namespace.path)), namespace.json)
    return DONE


def _show(entries: list[JsonObject], is_json: bool) -> None:
    if is_json:
        write_json(list(entries), is_pretty=None)
        return
    output = standard_output()
    rows = []
    for entry in entries:
        row = [str(entry["name"]), str(entry["type"])]
        if "error" in entry:
            row.append(f"({entry['error']})")
        elif "value" in entry:
            row.append(one_line(entry["value"]))
        rows.append(row)
    output.write(output.section("", rows, 0))


@COMMAND.verb(
    "set",
    "Change the value of a property.",
    example(
        "  $ qmpeer qom /run/vm.qmp set /machine/peripheral/rng0 max-bytes 1024\n"
        "\nThe property's type decides how VALUE is read: as text, a boolean (true, on) or a "
        "number\n(4096, 0x1000, 64M). If the server doesn't return a type, VALUE is JSON if it "
        "parses as\nJSON, else text."
    ),
    _PATH,
    argument("name", "PROPERTY", "the property, such as graphics"),
    argument("value", "VALUE", "the new value"),
)
def _set(namespace: argparse.Namespace) -> int:
    for word in (namespace.path, namespace.name, namespace.value):
        check_text(word)
    with connect(namespace) as client:
        kinds = dict(properties(client, namespace.path))
        value = read_value(namespace.value, namespace.name, kinds.get(namespace.name))
        arguments: JsonObject = {"path": namespace.path, "property": namespace.name, "value": value}
        client.execute("qom-set", arguments)
        if namespace.json:
            write_json({})
    return DONE


def read_value(text: str, name: str, kind: str | None) -> JsonValue:
    """Parse a word as the value of a property.

    Args:
        text: The word.
        name: The property's name.
        kind: Its type as qom-list names it; None if that isn't known.

    Raises:
        RefusedError: If the value doesn't fit the property's type.

    Example:
        >>> read_value("1", "id", "string"), read_value("64M", "size", "uint32")
        ('1', 67108864)
        >>> read_value("on", "acpi", "OnOffAuto"), read_value("on", "mq", "bool")
        ('on', True)
    """
    definition = BUILT_INS["any"] if kind is None else property_type(kind)
    is_text = definition is BUILT_INS["str"]
    (word,) = to_words([f"{name}{':=' if is_text else '='}{text}"])
    schema = Schema({**BUILT_INS, f"property:{name}": definition})
    try:
        return ArgumentReader(schema).value(f"property:{name}", word, name)
    except InputError as input_error:
        raise RefusedError(str(input_error)) from input_error
