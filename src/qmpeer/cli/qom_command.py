"""``qmpeer qom``: the objects that a machine is made of, and their properties."""

import argparse
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec

from qmpeer import limits
from qmpeer.cli.argument_words import check_text, to_words
from qmpeer.cli.command_line import CommandLine, count
from qmpeer.cli.connecting import add_common, connect
from qmpeer.cli.exits import DONE, STATUSES, RefusedError
from qmpeer.cli.output import write_json
from qmpeer.cli.verbs import Verb, run_verb
from qmpeer.errors import CommandError, LimitError
from qmpeer.values import JsonObject, JsonValue

if TYPE_CHECKING:
    from qmpeer.cli.page import Page
    from qmpeer.client import Client

PROGRAM: Final = "qmpeer qom"
ABOUT: Final = "Show and change the objects that a machine is made of (QOM), and their properties."
_CHILD: Final = re.compile(r"child<(.*)>")


def run(words: Sequence[str]) -> int:
    """Do what the words say.

    Raises:
        UsageError: If the words make no sense.
        QMPError: If the server refuses, or the connection ends.
        OSError: If there is no connection, or no reply in time.
    """
    return run_verb(PROGRAM, ABOUT, VERBS, words)


def _parser(verb: str, about: str, example: str) -> CommandLine:
    parser = CommandLine(f"{PROGRAM} ADDRESS {verb}", about, f"example:\n{example}\n\n{STATUSES}")
    add_common(parser, has_address=False)
    return parser


class _Property(msgspec.Struct):
    name: str
    type: str


def _list(client: "Client", path: str) -> list[tuple[str, str]]:
    """Return the names and the types of what an object has, in their order."""
    from qmpeer.client.answers import read_answer

    answer = client.execute("qom-list", {"path": path})
    said = read_answer("qom-list", answer, list[_Property], "a list of names and types")
    return sorted(((each.name, each.type) for each in said), key=lambda each: _by_number(each[0]))


def _by_number(name: str) -> list[Any]:
    return [int(p) if n % 2 else p for n, p in enumerate(re.split(r"(\d{1,18})", name))]


# The tree


def _tree_parser() -> CommandLine:
    parser = _parser(
        "tree",
        "Show an object and all below it.",
        "  $ qmpeer qom /run/vm.qmp tree /machine/peripheral\n"
        "  /machine/peripheral\n  ├─ net0 (virtio-net-pci)\n  ...",
    )
    parser.add_argument("path", metavar="PATH", nargs="?", default="/", help="by default /")
    parser.add_argument(
        "--depth", metavar="N", type=count, default=limits.QOM_DEPTH, help="so many levels of it"
    )
    return parser


def _tree(given: argparse.Namespace) -> int:
    check_text(given.path)
    with connect(given) as client:
        tree = _children(client, given.path, given.depth, [0])
    if given.json:
        write_json({"path": given.path, "children": tree}, is_pretty=None)
        return DONE
    from qmpeer.cli.page import Page

    page = Page.output()
    page.write([page.palette.paint("heading", page.fitted(given.path)), *_branches(tree, page, "")])
    return DONE


def _children(client: "Client", path: str, depth: int, seen: list[int]) -> list[JsonValue]:
    found: list[JsonValue] = []
    for name, kind in _list(client, path):
        child = _CHILD.fullmatch(kind)
        if child is None:
            continue
        seen[0] += 1
        if seen[0] > limits.QOM_OBJECTS:
            reason = f"there are more than {limits.QOM_OBJECTS} objects, choose a PATH or --depth"
            raise LimitError(reason, "QOM_OBJECTS", limits.QOM_OBJECTS)
        entry: JsonObject = {"name": name, "type": child[1]}
        if depth > 1:
            try:
                below = _children(client, f"{path.rstrip('/')}/{name}", depth - 1, seen)
            except CommandError:  # it was unplugged meanwhile
                continue
            if below:
                entry["children"] = below
        found.append(entry)
    return found


def _branches(tree: Sequence[Any], page: "Page", before: str) -> Iterator[str]:
    is_plain = page.encoded("├") != "├"
    for number, entry in enumerate(tree, 1):
        is_last = number == len(tree)
        mark = ("`- " if is_last else "|- ") if is_plain else ("└─ " if is_last else "├─ ")
        yield page.fitted(f"{before}{mark}{entry['name']} ({entry['type']})")
        bar = "   " if is_last else "|  " if is_plain else "│  "
        yield from _branches(entry.get("children", ()), page, before + bar)


# Properties


def _list_parser() -> CommandLine:
    parser = _parser(
        "list",
        "Show the properties of an object, with their types.",
        "  $ qmpeer qom /run/vm.qmp list /machine\n  acpi  OnOffAuto\n  ...",
    )
    parser.add_argument("path", metavar="PATH", help="such as /machine")
    return parser


def _list_all(given: argparse.Namespace) -> int:
    check_text(given.path)
    with connect(given) as client:
        found = _list(client, given.path)
    _show([{"name": name, "type": kind} for name, kind in found], given.json)
    return DONE


def _get_parser() -> CommandLine:
    parser = _parser(
        "get",
        "Show the value of a property, or of all of an object's.",
        '  $ qmpeer qom /run/vm.qmp get /machine type\n  "pc-q35-7.2-machine"',
    )
    parser.add_argument("path", metavar="PATH", help="such as /machine")
    parser.add_argument("name", metavar="PROPERTY", nargs="?", help="by default all")
    return parser


def _get(given: argparse.Namespace) -> int:
    check_text(given.path)
    with connect(given) as client:
        if given.name is not None:
            check_text(given.name)
            value = client.execute("qom-get", {"path": given.path, "property": given.name})
            write_json(value, is_pretty=False if given.json else None)
            return DONE
        _show(list(_values(client, given.path)), given.json)
    return DONE


def _values(client: "Client", path: str) -> Iterator[JsonObject]:
    for name, kind in _list(client, path):
        if _CHILD.fullmatch(kind):
            continue
        entry: JsonObject = {"name": name, "type": kind}
        try:
            entry["value"] = client.execute("qom-get", {"path": path, "property": name})
        except CommandError as error:  # not all can be read
            entry["error"] = error.desc
        yield entry


def _show(entries: list[JsonObject], is_json: bool) -> None:
    if is_json:
        write_json(list(entries), is_pretty=None)
        return
    from qmpeer.cli.page import Page
    from qmpeer.shell.visible import one_line

    page = Page.output()
    rows = []
    for entry in entries:
        row = [str(entry["name"]), str(entry["type"])]
        if "error" in entry:
            row.append(f"({entry['error']})")
        elif "value" in entry:
            row.append(one_line(entry["value"]))
        rows.append(row)
    page.write(page.section("", rows, 0))


def _set_parser() -> CommandLine:
    parser = _parser(
        "set",
        "Change a property.",
        "  $ qmpeer qom /run/vm.qmp set /machine/peripheral/rng0 max-bytes 1024\n"
        "\nThe property's type decides what VALUE is: text, true or on, a number (4096, 0x1000,\n"
        "64M). Where the server doesn't tell, it is JSON, or text that is none.",
    )
    parser.add_argument("path", metavar="PATH", help="such as /machine")
    parser.add_argument("name", metavar="PROPERTY", help="such as graphics")
    parser.add_argument("value", metavar="VALUE", help="the new value")
    return parser


def _set(given: argparse.Namespace) -> int:
    for word in (given.path, given.name, given.value):
        check_text(word)
    with connect(given) as client:
        kinds = dict(_list(client, given.path))
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
    from qmpeer.schema import Schema
    from qmpeer.schema.model import BUILT_INS
    from qmpeer.shell.mistakes import Mistake
    from qmpeer.shell.properties import property_type
    from qmpeer.shell.typed_arguments import Reader

    of = BUILT_INS["any"] if kind is None else property_type(kind)
    is_text = of is BUILT_INS["str"]
    (word,) = to_words([f"{name}{':=' if is_text else '='}{text}"])
    schema = Schema({**BUILT_INS, f"property:{name}": of})
    try:
        return Reader(schema).value(f"property:{name}", word, name)
    except Mistake as mistake:
        raise RefusedError(str(mistake)) from mistake


VERBS: Final[dict[str, Verb]] = {
    "tree": Verb(_tree_parser, _tree),
    "list": Verb(_list_parser, _list_all),
    "get": Verb(_get_parser, _get),
    "set": Verb(_set_parser, _set),
}
"""What can be done."""
