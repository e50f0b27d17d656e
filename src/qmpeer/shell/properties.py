"""Arguments that are properties of a device or an object, typed by querying the server.

The schema leaves them open: the arguments of ``device_add`` depend on the device, the value of
``qom-set`` on the property. On request, the server lists the properties with QOM's types, such as
uint32, OnOffAuto or link<iothread>. This module adds them to the schema as members. Then they are
parsed, completed and rejected like all others.

Spec: QEMU's device-list-properties, qom-list-properties and qom-list.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Final, TypeAlias

import msgspec

from qmpeer import limits
from qmpeer.schema import Schema
from qmpeer.schema.model import (
    ANY_INTEGER,
    BUILT_INS,
    BuiltIn,
    CommandDefinition,
    EnumDefinition,
    EnumValue,
    Feature,
    Member,
    StructDefinition,
    Type,
)
from qmpeer.schema.open_arguments import has_open_arguments
from qmpeer.shell.members import arguments_type
from qmpeer.shell.words import Word
from qmpeer.values import JsonObject, JsonValue

_PREFIX: Final = "property:"
"""Prefix of the names of properties' types. QAPI allows no colon in names."""
_PROPS: Final = "properties:props"
_ARGUMENTS: Final = "properties:arguments"
_TEXT: Final = BUILT_INS["str"]
_BUILT_INS: Final[Mapping[str, Type]] = {
    **{
        name: of
        for name, of in BUILT_INS.items()
        if not isinstance(of, EnumDefinition | StructDefinition)
    },
    "int": ANY_INTEGER,
    "boolean": BUILT_INS["bool"],
    "double": BUILT_INS["number"],
    "uint4": BUILT_INS["uint8"],
    "size32": BUILT_INS["uint32"],
    "busnr": BUILT_INS["uint32"],
    "list": BUILT_INS["any"],
}
"""QAPI's types by QOM's names. All other QOM types but enums and structs are text."""
_KNOWN_VALUES: Final = {"OnOffAuto": ("on", "off", "auto"), "OnOffSplit": ("on", "off", "split")}
"""The values of enums that QEMU doesn't always describe."""
_VALUES: Final = re.compile(r"[\w.+-]+(?:/[\w.+-]+)+")
"""The last word of a description, if it lists the values of an enum: "off/auto"."""
_MISSING: Final = re.compile(r"Property '.*\.([^.']+)' not found")
_TYPE_ENDS: Final = ("-pci", "-ccw", "-device", "transitional")
"""Endings of the types behind QEMU's aliases: virtio-net stands for virtio-net-pci or -ccw. Only
types have lists of properties."""
_UNSAFE: Final = re.compile(r"-gl(-|$)")
"""Types that are never queried: QEMU 7.2 exits if the module of virtio-vga-gl or virtio-gpu-gl-pci
isn't installed. They can't be hot-plugged anyway."""
_PCI_SLOT: Final = "Slot and optional function number"
"""The description of `addr`. To QEMU the text "5" is slot 5, but the number 5 is function 5."""


class PropertyQuery(msgspec.Struct, frozen=True):
    """A command that lists properties, with its only argument."""

    command: str
    name: str
    value: str

    @property
    def arguments(self) -> JsonObject:
        """The command's arguments."""
        return {self.name: self.value}


PropertyAnswers: TypeAlias = Callable[[PropertyQuery], JsonValue]
"""Returns the server's reply to a query, or None."""


def no_answers(query: PropertyQuery) -> JsonValue:
    """Return None."""
    return None


def typed_values(words: Iterable[Word]) -> dict[str, str]:
    """Return the values of words of the form name=value as text, by name."""
    return {word.name: word.value.text for word in words if word.name is not None}


def property_queries(
    schema: Schema, command: CommandDefinition, values: Mapping[str, str]
) -> Iterator[PropertyQuery]:
    """Yield the queries for the properties that a command sets; the first reply counts.

    Args:
        schema: The server's schema.
        command: The command.
        values: Its arguments as typed.

    Example:
        >>> device_add = CommandDefinition(name="device_add")
        >>> found = property_queries(Schema(BUILT_INS), device_add, {"driver": "nvme"})
        >>> [query.value for query in found]
        ['nvme']
    """
    driver, kind, path = values.get("driver"), values.get("qom-type"), values.get("path")
    if command.name == "device_add" and driver and not _UNSAFE.search(driver):
        yield PropertyQuery("device-list-properties", "typename", driver)
        if driver.startswith("virtio-") and not driver.endswith(_TYPE_ENDS):  # maybe an alias
            for end in _TYPE_ENDS[:3]:
                yield PropertyQuery("device-list-properties", "typename", f"{driver}{end}")
    elif command.name == "object-add" and kind and has_open_arguments(schema, command):
        yield PropertyQuery("qom-list-properties", "typename", kind)
    elif command.name == "qom-set" and path:
        yield PropertyQuery("qom-list", "path", path)


def with_properties(
    schema: Schema,
    command: CommandDefinition,
    values: Mapping[str, str],
    answers: PropertyAnswers = no_answers,
) -> tuple[Schema, CommandDefinition]:
    """Return the schema and the command, with the properties as members of its arguments.

    Args:
        schema: The server's schema.
        command: The command.
        values: Its arguments as typed.
        answers: Returns the server's replies to the queries.
    """
    is_open = has_open_arguments(schema, command)
    replies = map(answers, property_queries(schema, command, values))
    answer = next((reply for reply in replies if reply is not None), None)
    properties = dict(sorted(_properties(answer), key=itemgetter(0))) if answer else {}
    of = schema.types[arguments_type(command)]
    if not isinstance(of, StructDefinition) or of.base is not None or not (is_open or properties):
        return schema, command
    types = {**schema.types, **{f"{_PREFIX}{name}": type_ for name, type_ in properties.items()}}
    members = {member.name: member for member in of.members}
    if command.name == "qom-set":
        name = values.get("property", "")
        if name in properties and "value" in members:
            members["value"] = Member("value", _type_name(name, properties[name]))
    else:
        found = {name: _member(name, type_) for name, type_ in properties.items()}
        if "props" in members:  # object-add before 6.0 accepts them there as well
            inner = StructDefinition(name=_PROPS, members=tuple(found.values()))
            types[inner.name] = inner
            members["props"] = Member("props", inner.name, is_optional=True)
        members = {**members, **{name: found[name] for name in found if name not in members}}
    arguments = StructDefinition(name=_ARGUMENTS, members=tuple(members.values()))
    types[arguments.name] = arguments
    derived = msgspec.structs.replace(schema, types=types)
    return derived, msgspec.structs.replace(
        command, arguments=arguments.name, is_generated=not is_open
    )


def _member(name: str, of: Type) -> Member:
    unstable = (Feature("unstable"),) if name.startswith("x-") else ()
    return Member(name, _type_name(name, of), True, unstable)


def _type_name(name: str, of: Type) -> str:
    return "str" if of is _TEXT else f"{_PREFIX}{name}"


def _properties(answer: JsonValue) -> Iterator[tuple[str, Type]]:
    """Yield the names and types of the settable properties in a reply."""
    for each in answer[: limits.NAMES] if isinstance(answer, list) else ():
        if isinstance(each, dict):
            name, kind, about = (each.get(key) for key in ("name", "type", "description"))
            if isinstance(name, str) and isinstance(kind, str) and not kind.startswith("child<"):
                yield name, property_type(kind, about if isinstance(about, str) else "")


def property_type(kind: str, description: str = "") -> Type:
    """Return the QAPI type for a property's QOM type.

    Args:
        kind: The QOM type.
        description: The property's description, which may list the values of an enum.

    Example:
        >>> property_type("uint32").name, property_type("connection<iothread>").name
        ('uint32', 'str')
        >>> [value.name for value in property_type("OffAuto", "Where (off/auto)").values]
        ['off', 'auto']
    """
    kind = kind.removesuffix("_t")
    if description.startswith(_PCI_SLOT):
        return _TEXT
    if kind in _BUILT_INS:
        return _BUILT_INS[kind]
    if kind.endswith("List"):
        return BUILT_INS["any"]
    values: Sequence[str] = _KNOWN_VALUES.get(kind, ())
    last = description.rpartition(" ")[2].strip("()")
    if not values and kind[:1].isupper() and _VALUES.fullmatch(last):
        values = last.split("/")
    if values:
        return EnumDefinition(name=kind, values=tuple(map(EnumValue, values)))
    return BuiltIn(kind, "string", "str") if kind[:1].isupper() else _TEXT  # or a struct, as JSON


def missing_property(desc: str) -> str:
    """Return the property that QEMU's error reports as not found; "" for other errors.

    Example:
        >>> missing_property("Property 'virtio-blk-pci.driv' not found")
        'driv'
    """
    found = _MISSING.fullmatch(desc)
    return found[1] if found else ""


def property_names(schema: Schema) -> list[str]:
    """Return the names of the properties in a schema that `with_properties` returned."""
    types = schema.types
    return [name.removeprefix(_PREFIX) for name in types if name.startswith(_PREFIX)]


def is_lenient(type_name: str) -> bool:
    """Return whether a type is a property's, so that the server must judge a JSON value.

    QOM's types are imprecise. For example, the type of a list of numbers may be int.
    """
    return type_name.startswith((_PREFIX, _PROPS))
