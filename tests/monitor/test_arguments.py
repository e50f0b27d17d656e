"""Signatures to argument readers, and results to JSON.

The tables' texts are those of QEMU 7.2. A row with a command's name was measured with it.
"""

import enum
import functools
import json
import subprocess
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, NewType, NotRequired, Optional, TypedDict, Unpack

import msgspec
import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from qmpeer import values
from qmpeer.errors import CommandError
from qmpeer.monitor.backend import Context
from qmpeer.monitor.handlers.parameters import Parameters, parameters_of
from qmpeer.monitor.handlers.results import result_of
from qmpeer.monitor.handlers.types import (
    Alternate,
    Int8,
    Int16,
    Int32,
    Int64,
    Signed,
    Size,
    StrOrNull,
    UInt8,
    UInt16,
    UInt32,
    UInt64,
)
from qmpeer.values import UNSET, JsonObject, JsonValue, UnsetType
from tests.patience import PATIENCE
from tests.qemu import BASE, QEMU


class Capability(TypedDict):
    capability: Literal["xbzrle", "events"]
    state: bool


class Format(enum.Enum):
    PPM = "ppm"
    PNG = "png"


@dataclass
class Link:
    node_name: str
    class_: str = ""
    next_: Optional["Link"] = None
    tags: list[str] = field(default_factory=list)


class Image(msgspec.Struct, rename="camel"):
    driver: str
    read_only: bool = False
    cache_size: int | UnsetType = UNSET


class Positive(msgspec.Struct):
    n_: int

    def __post_init__(self) -> None:
        if self.n_ <= 0:
            raise ValueError("Parameter 'n' expects a positive number")


class Open(TypedDict, total=False):
    bps_rd: int
    null_or_not: str | None


class Mixed(Open):
    id: str
    extra: NotRequired[dict[str, int]]


NodeName = NewType("NodeName", str)
Ref = Annotated[str | Image, Alternate("BlockdevRef")]


def set_capabilities(capabilities: list[Capability]) -> None: ...
def human_monitor_command(command_line: str, cpu_index: int | None = None) -> None: ...
def set_parameters(
    compress_level: UInt8 = 1, max_bandwidth: Size = 0, tls_creds: StrOrNull = None
) -> None: ...
def set_action(
    reboot: Literal["reset", "shutdown"] | None = None, panic: Literal["pause"] | None = None
) -> None: ...
def dump(format: Format = Format.PPM) -> None: ...
def add(file: Ref, children: Sequence[Ref] = ()) -> None: ...
def permissions(take_child_perms: Sequence[Format]) -> None: ...
def ram(host_nodes: Sequence[UInt16]) -> None: ...
def nothing() -> None: ...
def optional(text: str | None = None, other: str | int | None = None) -> None: ...
def nullable(text: str | None) -> None: ...
def with_default(text: str | None = "x") -> None: ...
def unset(text: str | UnsetType = UNSET) -> None: ...
def pair(value: str | list[int]) -> None: ...
def link(link: Link) -> None: ...
def image(image: Image, last: str) -> None: ...
def positive(positive: Positive) -> None: ...
def mixed(mixed: Mixed) -> None: ...
def numbers(f: float = 0.0, n: int | float = 0) -> None: ...
def kinds(null: None = None, flag: bool = False, name: NodeName = NodeName("")) -> None: ...
def loose(a, b: Any, c: object, d: JsonValue, e: values.JsonValue) -> None: ...  # type: ignore[no-untyped-def]
def objects(o: JsonObject, m: Mapping[str, int], p: dict[str, Any], q: list[Any]) -> None: ...
def with_context(name: str, *, context: Context) -> None: ...
def rest(memory_size: int, context: Context, **others: str) -> None: ...
def unpacked(**arguments: Unpack[Mixed]) -> None: ...


class Machine:
    def stop(self, at: int = 0, **rest: JsonValue) -> None: ...

    def __call__(self, name: str) -> None: ...


def refusal(parameters: Parameters, arguments: Any) -> str:
    with pytest.raises(CommandError) as caught:
        parameters.read(arguments)
    assert caught.value.error_class == "GenericError"
    return caught.value.desc


WRONG = "Invalid parameter type for '%s', expected: %s"
NO_INTEGERS: list[Any] = [1.0, 1e3, True, None, "0", 2**63, -(2**63) - 1, [], {}]

REFUSED: list[tuple[Callable[..., object], Any, str]] = [
    (nothing, {"foo": 1}, "Parameter 'foo' is unexpected"),
    (nothing, {"": 1}, "Parameter '' is unexpected"),
    (human_monitor_command, None, "Parameter 'command-line' is missing"),
    (human_monitor_command, {}, "Parameter 'command-line' is missing"),
    (human_monitor_command, {"command_line": ""}, "Parameter 'command-line' is missing"),
    (human_monitor_command, {"command-line": 1}, WRONG % ("command-line", "string")),
    (human_monitor_command, {"foo": 1, "command-line": ""}, "Parameter 'foo' is unexpected"),
    *(
        (
            human_monitor_command,
            {"cpu-index": value, "command-line": "", "foo": 1},
            WRONG % ("cpu-index", "integer"),
        )
        for value in NO_INTEGERS
    ),
    (set_capabilities, {}, "Parameter 'capabilities' is missing"),
    (set_capabilities, {"capabilities": {}}, WRONG % ("capabilities", "array")),
    (set_capabilities, {"capabilities": [1]}, WRONG % ("capabilities[0]", "object")),
    (
        set_capabilities,
        {"capabilities": [{"capability": "bogus", "state": 1}]},
        "Parameter 'capability' does not accept value 'bogus'",
    ),
    (
        set_capabilities,
        {
            "capabilities": [
                {"capability": "xbzrle", "state": True},
                {"capability": "events", "state": 1},
            ]
        },
        WRONG % ("capabilities[1].state", "boolean"),
    ),
    (
        set_capabilities,
        {"capabilities": [{"capability": "xbzrle", "foo": 1}]},
        "Parameter 'capabilities[0].state' is missing",
    ),
    (
        set_capabilities,
        {"capabilities": [{"capability": "xbzrle", "state": True, "foo": 1}]},
        "Parameter 'capabilities[0].foo' is unexpected",
    ),
    (set_parameters, {"compress-level": -1}, "Parameter 'compress-level' expects uint8_t"),
    (set_parameters, {"compress-level": 256}, "Parameter 'compress-level' expects uint8_t"),
    (set_parameters, {"compress-level": "a"}, "Parameter 'compress-level' expects uint64"),
    (set_parameters, {"compress-level": 1.0}, "Parameter 'compress-level' expects uint64"),
    *(
        (set_parameters, {"max-bandwidth": value}, "Parameter 'max-bandwidth' expects uint64")
        for value in ("1", 1.0, None, True, 2**64, -(2**63) - 1)
    ),
    (set_parameters, {"tls-creds": 1}, WRONG % ("tls-creds", "StrOrNull")),
    (ram, {"host-nodes": [1, 70000]}, "Parameter 'null' expects uint16_t"),
    (ram, {"host-nodes": [1, "a"]}, "Parameter 'host-nodes[1]' expects uint64"),
    (set_action, {"reboot": "bogus"}, "Parameter 'reboot' does not accept value 'bogus'"),
    (set_action, {"reboot": 1}, WRONG % ("reboot", "string")),
    (set_action, {"reboot": None}, WRONG % ("reboot", "string")),
    (
        set_action,
        {"reboot": "reset", "foo": 1, "panic": "p"},
        "Parameter 'panic' does not accept value 'p'",
    ),
    (dump, {"format": "PPM"}, "Parameter 'format' does not accept value 'PPM'"),
    (permissions, {"take-child-perms": ["png", "x"]}, "Parameter 'null' does not accept value 'x'"),
    (permissions, {"take-child-perms": [1]}, WRONG % ("take-child-perms[0]", "string")),
    (add, {}, "Parameter 'file' is missing"),
    (add, {"file": None}, WRONG % ("file", "BlockdevRef")),
    (add, {"file": "a", "children": [1]}, WRONG % ("null", "BlockdevRef")),
    (add, {"file": {}}, "Parameter 'file.driver' is missing"),
    (
        add,
        {"file": "a", "children": ["b", {"driver": 1}]},
        WRONG % ("children[1].driver", "string"),
    ),
    (image, {"image": {"driver": "", "zz": 1}}, "Parameter 'image.zz' is unexpected"),
    (image, {"image": {"driver": ""}, "zz": 1}, "Parameter 'last' is missing"),
    (image, {"image": {"driver": "", "read-only": True}}, "Parameter 'image.read-only' is unex"),
    (image, {"image": {"driver": "", "readOnly": 1}}, WRONG % ("image.readOnly", "boolean")),
    (image, {"image": {"driver": "", "cacheSize": None}}, WRONG % ("image.cacheSize", "integer")),
    (link, {"link": {}}, "Parameter 'link.node-name' is missing"),
    (link, {"link": {"node-name": "", "next": None}}, WRONG % ("link.next", "object")),
    (
        link,
        {"link": {"node-name": "", "next": {"node-name": "", "tags": ["", 1]}}},
        WRONG % ("link.next.tags[1]", "string"),
    ),
    (mixed, {"mixed": {"bps-rd": 1, "id": ""}}, "Parameter 'mixed.bps-rd' is unexpected"),
    (mixed, {"mixed": {"bps_rd": 1}}, "Parameter 'mixed.id' is missing"),
    (
        mixed,
        {"mixed": {"id": "", "extra": {"a": 1, "b": ""}}},
        WRONG % ("mixed.extra.b", "integer"),
    ),
    (optional, {"text": None}, WRONG % ("text", "string")),
    (optional, {"other": []}, WRONG % ("other", "str|int|null")),
    (nullable, {}, "Parameter 'text' is missing"),
    (nullable, {"text": 1}, WRONG % ("text", "str|null")),
    (unset, {"text": None}, WRONG % ("text", "string")),
    (pair, {"value": 1}, WRONG % ("value", "str|[int]")),
    (pair, {"value": [1, "a"]}, WRONG % ("value[1]", "integer")),
    (numbers, {"f": True}, WRONG % ("f", "number")),
    (numbers, {"n": "1"}, WRONG % ("n", "number")),
    (kinds, {"null": 0}, WRONG % ("null", "null")),
    (kinds, {"flag": 0}, WRONG % ("flag", "boolean")),
    (kinds, {"name": 0}, WRONG % ("name", "string")),
    (loose, {"a": 0, "b": 0, "d": 0, "e": 0}, "Parameter 'c' is missing"),
    (objects, {"o": []}, WRONG % ("o", "object")),
    (objects, {"o": {}, "m": {"a": "b"}}, WRONG % ("m.a", "integer")),
    (objects, {"o": {}, "m": {}, "p": {}, "q": {}}, WRONG % ("q", "array")),
    (positive, {"positive": {"n": -1}}, "Parameter 'n' expects a positive number"),
    (with_context, {"name": "", "context": 1}, "Parameter 'context' is unexpected"),
    (rest, {"memory-size": 1, "memory_size": ""}, "Parameter 'memory_size' is unexpected"),
    (rest, {"memory-size": 1, "context": ""}, "Parameter 'context' is unexpected"),
    (rest, {"memory-size": 1, "a-b": 1}, WRONG % ("a-b", "string")),
    (unpacked, {"id": 1}, WRONG % ("id", "string")),
    (Machine().stop, {"self": 1}, "Parameter 'self' is unexpected"),
    (Machine(), {}, "Parameter 'name' is missing"),
    (functools.partial(human_monitor_command, ""), {"command_line": 1}, "Parameter 'command_line'"),
]

TAKEN: list[tuple[Callable[..., object], Any, dict[str, object]]] = [
    (nothing, None, {}),
    (nothing, {}, {}),
    (
        human_monitor_command,
        {"cpu-index": 2**63 - 1, "command-line": "info"},
        {"command_line": "info", "cpu_index": 2**63 - 1},
    ),
    (
        set_capabilities,
        {"capabilities": [{"state": True, "capability": "events"}]},
        {"capabilities": [{"state": True, "capability": "events"}]},
    ),
    (set_parameters, None, {}),
    (set_parameters, {"max-bandwidth": -1}, {"max_bandwidth": 2**64 - 1}),
    (set_parameters, {"max-bandwidth": -(2**63)}, {"max_bandwidth": 2**63}),
    (set_parameters, {"max-bandwidth": 2**64 - 1}, {"max_bandwidth": 2**64 - 1}),
    (set_parameters, {"compress-level": 255}, {"compress_level": 255}),
    (set_parameters, {"tls-creds": None}, {"tls_creds": None}),
    (set_parameters, {"tls-creds": ""}, {"tls_creds": ""}),
    (set_action, {"panic": "pause"}, {"panic": "pause"}),
    (dump, {"format": "png"}, {"format": Format.PNG}),
    (
        add,
        {"file": {"driver": "raw", "readOnly": True, "cacheSize": 1}, "children": ["a"]},
        {"file": Image("raw", True, 1), "children": ["a"]},
    ),
    (
        link,
        {"link": {"node-name": "a", "class": "b", "next": {"node-name": "c", "tags": ["d"]}}},
        {"link": Link("a", "b", Link("c", tags=["d"]))},
    ),
    (
        mixed,
        {"mixed": {"id": "a", "null_or_not": None, "extra": {"b": 1}}},
        {"mixed": {"id": "a", "null_or_not": None, "extra": {"b": 1}}},
    ),
    (optional, {"other": None}, {"other": None}),
    (optional, {"other": 1}, {"other": 1}),
    (nullable, {"text": None}, {"text": None}),
    (with_default, {"text": None}, {"text": None}),
    (numbers, {"f": 1, "n": 1}, {"f": 1.0, "n": 1}),
    (numbers, {"f": -(10**400), "n": 1.5}, {"f": float("-inf"), "n": 1.5}),
    (kinds, {"null": None, "flag": True, "name": "a"}, {"null": None, "flag": True, "name": "a"}),
    (
        loose,
        {"a": None, "b": [1], "c": {}, "d": {"x": [None]}, "e": 1.5},
        {"a": None, "b": [1], "c": {}, "d": {"x": [None]}, "e": 1.5},
    ),
    (positive, {"positive": {"n": 1}}, {"positive": Positive(1)}),
    (rest, {"a-b": "c", "memory-size": 1}, {"memory_size": 1, "a-b": "c"}),
    (unpacked, {"id": "a", "bps_rd": 1}, {"id": "a", "bps_rd": 1}),
    (Machine().stop, {"at": 1, "x": None}, {"at": 1, "x": None}),
    (Machine(), {"name": "a"}, {"name": "a"}),
    (functools.partial(human_monitor_command, ""), {"cpu-index": 1}, {"cpu_index": 1}),
]


def label(value: object) -> str | None:
    if callable(value):
        return str(getattr(value, "__name__", type(value).__name__))
    return None if isinstance(value, str) else json.dumps(value, default=str)


@pytest.mark.parametrize(("function", "arguments", "text"), REFUSED, ids=label)
def test_what_does_not_fit_is_refused_in_qemus_words(
    function: Callable[..., object], arguments: Any, text: str
) -> None:
    assert refusal(parameters_of(function), arguments).startswith(text)


@pytest.mark.parametrize(("function", "arguments", "keywords"), TAKEN, ids=label)
def test_what_fits_becomes_keyword_arguments(
    function: Callable[..., object], arguments: Any, keywords: dict[str, object]
) -> None:
    read = parameters_of(function).read(arguments)
    assert read == keywords
    assert {name: type(read[name]) for name in read} == {n: type(keywords[n]) for n in keywords}


@pytest.mark.parametrize(
    ("alias", "low", "high", "word"),
    [
        (Int8, -(2**7), 2**7 - 1, "int8_t"),
        (Int16, -(2**15), 2**15 - 1, "int16_t"),
        (Int32, -(2**31), 2**31 - 1, "int32_t"),
        (UInt8, 0, 2**8 - 1, "uint8_t"),
        (UInt16, 0, 2**16 - 1, "uint16_t"),
        (UInt32, 0, 2**32 - 1, "uint32_t"),
    ],
    ids=["int8", "int16", "int32", "uint8", "uint16", "uint32"],
)
def test_integers_keep_within_their_bits(alias: Any, low: int, high: int, word: str) -> None:
    def handler(n: int) -> None: ...

    handler.__annotations__["n"] = alias
    parameters = parameters_of(handler)
    assert [parameters.read({"n": n})["n"] for n in (low, high)] == [low, high]
    for n in (low - 1, high + 1):
        assert refusal(parameters, {"n": n}) == f"Parameter 'n' expects {word}"
    is_unsigned = word.startswith("u")
    text = "Parameter 'n' expects uint64" if is_unsigned else WRONG % ("n", "integer")
    assert refusal(parameters, {"n": "1"}) == text


def test_int64_is_int() -> None:
    def handler(a: Int64, b: UInt64) -> None: ...

    assert parameters_of(handler).read({"a": -1, "b": 1}) == {"a": -1, "b": 1}
    assert refusal(parameters_of(handler), {"a": 2**63}) == WRONG % ("a", "integer")


def test_names_and_context() -> None:
    parameters = parameters_of(with_context)
    assert parameters.names == ("name",)
    assert parameters.context_name == "context"
    assert parameters_of(nothing).context_name is None
    assert parameters_of(unpacked).names == ("bps_rd", "null_or_not", "id", "extra")


def test_a_command_without_arguments_reads_nothing_twice() -> None:
    parameters = parameters_of(nothing)
    assert parameters.read(None) is parameters.read({})


def test_any_array_or_object_is_given_as_it_came() -> None:
    arguments: JsonObject = {"o": {"a": [1]}, "m": {}, "p": {}, "q": [1, "a"]}
    read = parameters_of(objects).read(arguments)
    assert read["o"] is arguments["o"]
    assert read["q"] is arguments["q"]


def test_a_type_within_itself_ends_before_the_stack_does() -> None:
    deep: JsonValue = None
    for _ in range(1000):
        deep = {"node-name": "a", **({"next": deep} if deep else {})}
    assert "too deep" in refusal(parameters_of(link), {"link": deep})


class Plain:
    pass


class Number(enum.Enum):
    ONE = 1


class Tagged(msgspec.Struct, tag=True):
    a: int


@dataclass
class Clash:
    a_: int
    a: int


def star(*names: str) -> None: ...
def positional(name: str, /) -> None: ...
def plain(thing: Plain) -> None: ...
def number(number: Number) -> None: ...
def literal(one: Literal["a", 1]) -> None: ...
def same(both: str | Format) -> None: ...
def keys(keys: dict[int, str]) -> None: ...
def octets(data: bytes) -> None: ...
def wide(size: Annotated[str, Signed(8)]) -> None: ...
def tagged(tagged: Tagged) -> None: ...
def clash(clash: Clash) -> None: ...
def nested(deep: list[dict[str, Plain]]) -> None: ...
def unresolved(name: "Missing") -> None: ...  # type: ignore[name-defined] # noqa: F821


@pytest.mark.parametrize(
    ("function", "text"),
    [
        (star, r"star\(\): parameter '\*names: str' can't be given by name"),
        (positional, r"positional\(\): parameter 'name: str' can't be given by name"),
        (plain, r"plain\(\): parameter 'thing': Plain is not a type of QMP"),
        (number, "'number': the values of Number are not strings"),
        (literal, "'one': the values of Literal"),
        (same, "'both': two types of .* are the same in JSON"),
        (keys, "'keys': the keys of .* are not strings"),
        (octets, "'data': bytes is not a type"),
        (wide, "is for int, not for"),
        (tagged, "Tagged has a tag"),
        (clash, "two of the members a, a have the same name"),
        (nested, "'deep': Plain is not a type"),
        (unresolved, "unresolved: an annotation can't be resolved: name 'Missing'"),
    ],
    ids=label,
)
def test_a_signature_that_is_no_commands_is_refused_at_once(
    function: Callable[..., object], text: str
) -> None:
    with pytest.raises(TypeError, match=text):
        parameters_of(function)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text() | st.sampled_from(["node-name", "next", "driver", "id", "extra", "tags"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
VALUES = [value for row in TAKEN for value in (row[1] or {}).values()]
HANDLERS = [row[0] for row in REFUSED + TAKEN]


@pytest.mark.property
@given(
    function=st.sampled_from(HANDLERS),
    extra=st.just({}) | st.dictionaries(st.text(), JSON),
    data=st.data(),
)
def test_reading_raises_nothing_but_command_errors(
    function: Callable[..., object], extra: dict[str, Any], data: st.DataObject
) -> None:
    parameters = parameters_of(function)
    members = {name: JSON | st.sampled_from(VALUES) for name in parameters.names}
    arguments = data.draw(
        st.fixed_dictionaries(members) | st.fixed_dictionaries({}, optional=members)
    )
    try:
        keywords = parameters.read({**arguments, **extra})
    except CommandError as error:
        event(error.desc.split("'")[0])
    else:
        event("read")
        if parameters.context_name:
            keywords = {**keywords, parameters.context_name: None}
        function(**keywords)


# --- Which unexpected member is named -----------------------------------------------------------

SEVERAL = [
    ([], ["b", "a"]),
    ([], ["é", "foo", "k16", "k35", "bar", "k26", "k9", "k25"]),
    (["name", "enable"], ["zz", "name", "a", "enable", "m", "k1"]),
    (["name", "enable"], [f"k{n}" for n in range(50)] + ["enable", "name"]),
    (["name", "enable"], [f"member-{n:x}" for n in range(700)] + ["enable", "name"]),
]


def test_several_unexpected_members_name_one_whatever_their_number() -> None:
    parameters = parameters_of(nothing)
    few: JsonObject = {f"k{n}": n for n in range(50)}
    assert refusal(parameters, few) == "Parameter 'k4' is unexpected"
    many: JsonObject = {f"k{n}": n for n in range(5000)}
    assert refusal(parameters, many) == "Parameter 'k0' is unexpected"


@pytest.mark.real
def test_the_unexpected_member_is_the_one_that_qemu_names(program: Callable[[str], str]) -> None:
    def query() -> None: ...
    def trace(name: str, enable: bool) -> None: ...

    commands = ['{"execute": "qmp_capabilities"}']
    ours = []
    for expected, names in SEVERAL:
        arguments: JsonObject = dict.fromkeys(names, 1)
        arguments.update({"name": "a", "enable": True} if expected else {})
        execute = "trace-event-set-state" if expected else "query-name"
        commands.append(json.dumps({"execute": execute, "arguments": arguments}))
        ours.append(refusal(parameters_of(trace if expected else query), arguments))
    commands.append('{"execute": "quit"}')
    output = subprocess.run(
        [program(QEMU), *BASE, "-qmp", "stdio"],
        input="\n".join(commands),
        capture_output=True,
        check=True,
        text=True,
        timeout=PATIENCE,
    ).stdout
    replies = [json.loads(line) for line in output.splitlines()]
    assert [reply["error"]["desc"] for reply in replies if "error" in reply] == ours


# --- Results ------------------------------------------------------------------------------------


def no_annotation(): ...  # type: ignore[no-untyped-def]


def gives_json() -> JsonValue: ...
def gives_links() -> list[Link]: ...  # type: ignore[empty-body]
async def gives_image() -> Image: ...  # type: ignore[empty-body]
def gives_later() -> Awaitable[dict[str, Format]]: ...  # type: ignore[empty-body]
def gives_tuple() -> tuple[int, ...]: ...  # type: ignore[empty-body]


class Status(TypedDict):
    format: Format
    running: bool


def gives_status() -> Status: ...  # type: ignore[empty-body]


@pytest.mark.parametrize("value", [{"a": [1]}, [1, {}], "a", 1, 1.5, True], ids=repr)
def test_plain_results_pass_as_they_are(value: JsonValue) -> None:
    assert result_of(gives_json)(value) is value
    assert result_of(no_annotation)(value) is value
    assert result_of(nothing)(None) == {}


@pytest.mark.parametrize(
    ("function", "value", "expected"),
    [
        (gives_links, [], []),
        (
            gives_links,
            [Link("a", next_=Link("b", "c", tags=["d"]))],
            [
                {
                    "node-name": "a",
                    "class": "",
                    "next": {"node-name": "b", "class": "c", "tags": ["d"]},
                    "tags": [],
                }
            ],
        ),
        (gives_image, Image("raw"), {"driver": "raw", "readOnly": False}),
        (no_annotation, Positive(1), {"n": 1}),
        (gives_later, {"a": Format.PNG}, {"a": "png"}),
        (gives_status, {"format": Format.PNG, "running": True}, {"format": "png", "running": True}),
        (gives_tuple, (1, 2), [1, 2]),
        (no_annotation, Number.ONE, 1),
        (no_annotation, (None, Format.PPM), [None, "ppm"]),
    ],
    ids=label,
)
def test_other_results_are_converted(
    function: Callable[..., object], value: object, expected: JsonValue
) -> None:
    assert result_of(function)(value) == expected


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (b"", "an object of type bytes"),
        (Plain(), "an object of type Plain"),
        (Link, "an object of type type"),
        ((1, {2}), "an object of type set"),
        (({1: 2},), "an object with a key that isn't a string"),
    ],
    ids=["bytes", "object", "class", "set", "key"],
)
def test_a_result_that_is_no_json_is_named(value: object, text: str) -> None:
    with pytest.raises(TypeError, match=rf"^no_annotation\(\) returned {text}, which isn't JSON$"):
        result_of(no_annotation)(value)
