"""``qmpeer qom``: the objects that a machine is made of, and their properties."""

import argparse
from collections.abc import Iterator, Sequence
from typing import Any, Final

from qmpeer import limits
from qmpeer.cli.argument_words import to_words
from qmpeer.cli.command_line import JSON, TIMEOUT, Verbs, argument, check_text, count, example
from qmpeer.cli.connecting import connect
from qmpeer.cli.exits import DONE, RefusedError
from qmpeer.cli.output import standard_output, write_json
from qmpeer.display.json_text import one_line
from qmpeer.display.page import Page
from qmpeer.inventory.objects import children, properties, values
from qmpeer.schema import Schema
from qmpeer.schema.model import BUILT_INS
from qmpeer.shell.input_errors import InputError
from qmpeer.shell.properties import property_type
from qmpeer.shell.typed_arguments import ArgumentReader
from qmpeer.values import JsonObject, JsonValue

_PATH: Final = argument("path", "PATH", "such as /machine", completes="names:qom-path")
COMMAND: Final = Verbs(
    "qmpeer qom",
    "Show and change the objects that a machine is made of (QOM), and their properties.",
    JSON,
    TIMEOUT,
    has_address_first=True,
)


# The tree


@COMMAND.verb(
    "tree",
    "Show an object and all below it.",
    example(
        "  $ qmpeer qom /run/vm.qmp tree /machine/peripheral\n"
        "  /machine/peripheral\n  ├─ net0 (virtio-net-pci)\n  ..."
    ),
    argument("path", "PATH", "by default /", completes="names:qom-path", nargs="?", default="/"),
    argument("--depth", "N", "so many levels of it", type=count, default=limits.QOM_DEPTH),
)
def _tree(given: argparse.Namespace) -> int:
    check_text(given.path)
    with connect(given) as client:
        tree = children(client, given.path, given.depth)
    if given.json:
        write_json({"path": given.path, "children": tree}, is_pretty=None)
        return DONE
    page = standard_output()
    page.write([page.palette.paint("heading", page.fitted(given.path)), *_branches(tree, page, "")])
    return DONE


def _branches(tree: Sequence[Any], page: Page, before: str) -> Iterator[str]:
    is_plain = page.encoded("├") != "├"
    for number, entry in enumerate(tree, 1):
        is_last = number == len(tree)
        mark = ("`- " if is_last else "|- ") if is_plain else ("└─ " if is_last else "├─ ")
        yield page.fitted(f"{before}{mark}{entry['name']} ({entry['type']})")
        bar = "   " if is_last else "|  " if is_plain else "│  "
        yield from _branches(entry.get("children", ()), page, before + bar)


# Properties


@COMMAND.verb(
    "list",
    "Show the properties of an object, with their types.",
    example("  $ qmpeer qom /run/vm.qmp list /machine\n  acpi  OnOffAuto\n  ..."),
    _PATH,
)
def _list_all(given: argparse.Namespace) -> int:
    check_text(given.path)
    with connect(given) as client:
        found = properties(client, given.path)
    _show([{"name": name, "type": kind} for name, kind in found], given.json)
    return DONE


@COMMAND.verb(
    "get",
    "Show the value of a property, or of all of an object's.",
    example('  $ qmpeer qom /run/vm.qmp get /machine type\n  "pc-q35-7.2-machine"'),
    _PATH,
    argument("name", "PROPERTY", "by default all", nargs="?"),
)
def _get(given: argparse.Namespace) -> int:
    check_text(given.path)
    with connect(given) as client:
        if given.name is not None:
            check_text(given.name)
            value = client.execute("qom-get", {"path": given.path, "property": given.name})
            write_json(value, is_pretty=False if given.json else None)
            return DONE
        _show(list(values(client, given.path)), given.json)
    return DONE


def _show(entries: list[JsonObject], is_json: bool) -> None:
    if is_json:
        write_json(list(entries), is_pretty=None)
        return
    page = standard_output()
    rows = []
    for entry in entries:
        row = [str(entry["name"]), str(entry["type"])]
        if "error" in entry:
            row.append(f"({entry['error']})")
        elif "value" in entry:
            row.append(one_line(entry["value"]))
        rows.append(row)
    page.write(page.section("", rows, 0))


@COMMAND.verb(
    "set",
    "Change a property.",
    example(
        "  $ qmpeer qom /run/vm.qmp set /machine/peripheral/rng0 max-bytes 1024\n"
        "\nThe property's type decides what VALUE is: text, true or on, a number (4096, "
        "0x1000,\n64M). Where the server doesn't tell, it is JSON, or text that is none."
    ),
    _PATH,
    argument("name", "PROPERTY", "such as graphics"),
    argument("value", "VALUE", "the new value"),
)
def _set(given: argparse.Namespace) -> int:
    for word in (given.path, given.name, given.value):
        check_text(word)
    with connect(given) as client:
        kinds = dict(properties(client, given.path))
        value = read_value(given.value, given.name, kinds.get(given.name))
        arguments: JsonObject = {"path": given.path, "property": given.name, "value": value}
        client.execute("qom-set", arguments)
        if given.json:
            write_json({})
    return DONE


def read_value(text: str, name: str, kind: str | None) -> JsonValue:
    """Read a word as the value of a property.

    Args:
        text: The word.
        name: The property's name.
        kind: Its type in QOM's words; None if that isn't known.

    Raises:
        RefusedError: If the property can't have that value.

    Example:
        >>> read_value("1", "id", "string"), read_value("64M", "size", "uint32")
        ('1', 67108864)
        >>> read_value("on", "acpi", "OnOffAuto"), read_value("on", "mq", "bool")
        ('on', True)
    """
    of = BUILT_INS["any"] if kind is None else property_type(kind)
    is_text = of is BUILT_INS["str"]
    (word,) = to_words([f"{name}{':=' if is_text else '='}{text}"])
    schema = Schema({**BUILT_INS, f"property:{name}": of})
    try:
        return ArgumentReader(schema).value(f"property:{name}", word, name)
    except InputError as input_error:
        raise RefusedError(str(input_error)) from input_error
