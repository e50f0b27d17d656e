"""Hostile schemas: each ends quickly in one clear error.

Inputs that reach a limit are tested with a reduced limit, and must take time in proportion to their
size; the tests marked slow use the real size. Tests in tests/cli check the memory.
"""

import copy
from collections.abc import Callable, Iterator
from time import process_time
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpeer import limits
from qmpeer.errors import SchemaError, SchemaSemanticError, ValidationError
from qmpeer.schema import (
    BUILT_INS,
    Schema,
    UnionDefinition,
    Validator,
    differences,
    introspection_of,
    listing,
    schema_from_introspection,
    schema_from_qapi,
    select,
)
from qmpeer.values import JsonObject
from tests.schema.mutations import ANSWER, CONDITIONS, QAPI, changed_answer, changed_qapi
from tests.schema.sizes import check_growth, with_limits

SECONDS: Final = 15.0
"""CPU time that anything may take; all take far less."""

pytestmark = pytest.mark.no_cover  # measuring coverage makes it five times as slow


@pytest.fixture(autouse=True)
def soon() -> Iterator[None]:
    """Limit the time of every test of this file."""
    start = process_time()
    yield
    assert process_time() - start < SECONDS


def error_of(files: dict[str, bytes]) -> SchemaError:
    def read(name: str) -> bytes:
        if name not in files:
            raise FileNotFoundError(2, "No such file or directory")
        return files[name]

    with pytest.raises(SchemaError) as caught:
        schema_from_qapi(next(iter(files)), read)
    return caught.value


def joined(form: bytes, count: int) -> bytes:
    """Return many texts of one form, each containing its number."""
    return b"\n".join(form.replace(b"#", b"%d" % number) for number in range(count))


def filling(form: bytes, share: float = 1) -> bytes:
    """Repeat a text until it fills this share of a file's largest size."""
    return form * int(limits.SCHEMA_FILE_SIZE * share / len(form))


def many(form: bytes, count: int) -> bytes:
    """Return many texts of one form, separated by commas, each containing its number."""
    return joined(form + b",", count)[:-1]


Make = Callable[[], bytes]
LARGE: Final[dict[str, tuple[Make, str]]] = {
    "more definitions than any schema has": (
        lambda: joined(b"{ 'event': 'A#' }", limits.SCHEMA_DEFINITIONS + 1),
        "more than {SCHEMA_DEFINITIONS} definitions",
    ),
    "more values": (
        lambda: b"{ 'enum': 'A', 'data': [ %b ] }" % (b"'a', " * limits.SCHEMA_VALUES + b"'a'"),
        "at most {SCHEMA_VALUES} values",
    ),
    "one line of errors": (
        lambda: filling(b"{ 'enum': 3 } ", 0.6),
        "found '3', expected a value",
    ),
    "only signs": (
        lambda: filling(b"\x00\x1b[\xc2\xa0}", 0.8),
        "found '\\x00', expected '{{'",
    ),
    "only brackets": (lambda: filling(b"["), "found '[', expected '{{'"),
    "a long name": (
        lambda: b"{ 'struct': '%b', 'data': {} }" % filling(b"a_", 0.9),
        "'a_a_a_",
    ),
    "a long doc comment": (
        lambda: b"##\n# @A:\n#\n%b##\n{ 'event': 'A' }" % filling(b"# @x: y\n", 0.95),
        "'x' is documented twice",
    ),
    "a doc comment of tags": (
        lambda: b"##\n# @A:\n%b##\n{ 'event': 'A' }" % filling(b"#\n# Since: 1.0\n", 0.95),
        "duplicate 'Since:'",
    ),
    "a circle of bases": (
        lambda: joined(
            b"{ 'struct': 'T#x', 'base': 'NextT#x', 'data': {} }\n"
            b"{ 'struct': 'NextT#x', 'base': 'T#x', 'data': {} }",
            limits.SCHEMA_DEFINITIONS // 5,
        ),
        "it is one of its own bases",
    ),
    "branches that double at every level": (
        lambda: (
            b"{ 'enum': 'E', 'data': [ 'a', 'b' ] }\n"
            + b"".join(
                b"{ 'union': 'U%dx', 'base': { 'k%d': 'E' }, 'discriminator': 'k%d',"
                b" 'data': { 'a': 'U%dx', 'b': 'U%dx' } }\n" % (n, n, n, n + 1, n + 1)
                for n in range(60)
            )
            + b"{ 'struct': 'U60x', 'data': {} }"
        ),
        "the types have more than {SCHEMA_MEMBERS} members",
    ),
    "a large base of many": (
        lambda: (
            b"{ 'struct': 'B', 'data': { %b } }\n%b"
            % (
                many(b"'v#': 'int'", limits.SCHEMA_MEMBERS // 10),
                joined(
                    b"{ 'struct': 'T#x', 'base': 'B', 'data': {} }", limits.SCHEMA_DEFINITIONS // 40
                ),
            )
        ),
        "the types have more than {SCHEMA_MEMBERS} members",
    ),
    "a large enum of many unions": (
        lambda: (
            b"{ 'enum': 'E', 'data': [ %b ] }\n%b"
            % (
                many(b"'v#'", limits.SCHEMA_MEMBERS // 10),
                joined(
                    b"{ 'union': 'U#x', 'base': { 'e': 'E' }, 'discriminator': 'e', 'data': {} }",
                    limits.SCHEMA_DEFINITIONS // 40,
                ),
            )
        ),
        "the types have more than {SCHEMA_MEMBERS} members",
    ),
    "an alternate that holds itself": (
        lambda: (
            b"{ 'alternate': 'A', 'data': { %b } }" % many(b"'v#': 'A'", limits.SCHEMA_VALUES // 5)
        ),
        "'A' is an alternate, which another alternate can't contain",
    ),
    "types that aren't there": (
        lambda: (
            b"{ 'struct': 'A', 'data': { %b } }" % many(b"'v#': 'Int#'", limits.SCHEMA_VALUES // 5)
        ),
        "unknown type 'Int0'",
    ),
    "no UTF-8 at the end": (lambda: filling(b"# \xc3\xa9\n", 0.8) + b"\xc3", "byte 0xc3 is not"),
}
"""What fills a limit: how it is made, and what the error says."""
SMALL: Final[dict[str, tuple[bytes, str]]] = {
    "UTF-16": ("{ 'enum': 'A', 'data': [] }".encode("utf-16"), "byte 0xff is not UTF-8"),
    "a byte order mark": (b"\xef\xbb\xbf{ 'event': 'A' }", r"found '\ufeff', expected '{'"),
    "NUL in a name": (b"{ 'event': 'A\0' }", r"a string contains '\x00'"),
    "a truncated file": (QAPI.encode()[:-46], "found a string without an end"),
}


def check_text(text: bytes, reason: str) -> None:
    error = error_of({"schema.json": text})
    assert reason in str(error)
    assert len(str(error)) < 3000
    assert len(error.others) < limits.SCHEMA_ERRORS
    # Errors on one line share its text, however long it is.
    assert sum(len(line) for line in {id(e.text): e.text for e in error.others}.values()) < 5e6


@pytest.mark.parametrize(("text", "reason"), SMALL.values(), ids=SMALL)
def test_text_ends_in_one_clear_error(text: bytes, reason: str) -> None:
    check_text(text, reason)


@pytest.mark.parametrize(("make", "reason"), LARGE.values(), ids=LARGE)
def test_large_text_ends_in_one_clear_error(make: Make, reason: str) -> None:
    check_growth(lambda: (make(), with_limits(reason)), lambda made: check_text(*made))


@pytest.mark.slow
@pytest.mark.parametrize(("make", "reason"), LARGE.values(), ids=LARGE)
def test_text_of_the_largest_size(make: Make, reason: str) -> None:
    check_text(make(), with_limits(reason))


def test_includes_that_fan_out_end() -> None:
    """Each file includes all others: there are many paths through few files."""
    files = {
        f"{number}.json": b"".join(b"{ 'include': '%d.json' }\n" % other for other in range(100))
        for number in range(100)
    }
    assert str(error_of(files)).startswith("0.json:1:14: '0.json' includes itself")


def test_more_files_than_any_schema_has_are_not_read() -> None:
    count = limits.SCHEMA_FILES + 10
    root = b"".join(b"{ 'include': '%d.json' }\n" % number for number in range(count))
    files = {"root.json": root} | {f"{number}.json": b"" for number in range(count)}
    assert "the schema is too large" in str(error_of(files))


def test_includes_of_what_is_no_file_are_told_at_their_place() -> None:
    error = error_of({"schema.json": b"{ 'include': '' }\n{ 'include': 'a/../../b' }\n"})
    assert [each.reason for each in (error, *error.others)] == [
        "'.' can't be read: No such file or directory",
        "'../b' can't be read: No such file or directory",
    ]


# --- Introspection ------------------------------------------------------------------------------


def command(name: str) -> JsonObject:
    return {"name": name, "meta-type": "command", "arg-type": "0", "ret-type": "0"}


def built_in(name: str, json_type: str) -> JsonObject:
    return {"name": name, "meta-type": "builtin", "json-type": json_type}


EMPTY: Final[JsonObject] = {"name": "0", "meta-type": "object", "members": []}


def of_members(*members: Any, **changes: Any) -> JsonObject:
    return {"name": "1", "meta-type": "object", "members": list(members), **changes}


K: Final = {"name": "k", "type": "2"}
ENUM: Final[JsonObject] = {"name": "2", "meta-type": "enum", "values": ["a"]}
VARIANT: Final = {"case": "a", "type": "3"}
ENTITIES: Final[dict[str, tuple[list[Any], str]]] = {
    "names that are none": ([command("")], "'' is not a valid name"),
    "names over two lines": ([command("a\nb")], r"'a\nb' is not a valid name"),
    "names with quotes": ([command('a"""')], "is not a valid name"),
    "half a surrogate pair": ([command("a\ud800")], r"'a\ud800' is not a valid name"),
    "half a pair for a meta-type": ([{"name": "a", "meta-type": "\ud800"}], "not Unicode"),
    "a member without a name": (
        [of_members({"name": "", "type": "0"}), EMPTY],
        "'' is not a valid name",
    ),
    "a feature without a name": ([{**EMPTY, "features": [""]}], "'' is not a valid name"),
    "a member's odd feature": (
        [of_members({"name": "a", "type": "0", "features": ["x y"]}), EMPTY],
        "'x y' is not a valid name",
    ),
    "a value over two lines": ([{**ENUM, "values": ["a\n"]}], r"'a\n' is not a valid value"),
    "a value's odd feature": (
        [{"name": "2", "meta-type": "enum", "members": [{"name": "a", "features": ["\0"]}]}],
        r"'\x00' is not a valid name",
    ),
    "a type named as an array": ([{**EMPTY, "name": "[0]"}], "'[0]' is not a valid name"),
    "a type named as a built-in": (
        [{**EMPTY, "name": "int"}],
        "its name belongs to a built-in type",
    ),
    "an enum that isn't QType": (
        [{**ENUM, "name": "QType"}],
        "its name belongs to a built-in type",
    ),
    "no empty type": (
        [{**of_members({"name": "a", "type": "q_empty"}), "name": "q_empty"}],
        "belongs to a built-in type",
    ),
    "an array named otherwise": (
        [EMPTY, {"name": "7", "meta-type": "array", "element-type": "0"}],
        "expected the name '[0]'",
    ),
    "an integer that is a string": ([built_in("int", "string")], "'string', not 'int'"),
    "a built-in that is a type": (
        [built_in("QType", "string")],
        "there is no built-in type of that name",
    ),
    "an alternate of nothing": (
        [{"name": "5", "meta-type": "alternate", "members": []}],
        "it has no types",
    ),
    "an alternate of twice the same": (
        [EMPTY, {"name": "5", "meta-type": "alternate", "members": [{"type": "0"}] * 2}],
        "two of its types are the same",
    ),
    "an optional tag": (
        [of_members({**K, "default": None}, tag="k"), ENUM],
        "its tag 'k' is optional",
    ),
    "a tag in a branch": (
        [
            of_members(K, tag="k", variants=[VARIANT]),
            {"name": "3", "meta-type": "object", "members": [K]},
            ENUM,
        ],
        "a member of a variant repeats a member of the union",
    ),
    "a tag in a branch of a branch": (
        [
            of_members(K, tag="k", variants=[VARIANT]),
            {
                **of_members({"name": "l", "type": "2"}, tag="l"),
                "name": "3",
                "variants": [{"case": "a", "type": "4"}],
            },
            {"name": "4", "meta-type": "object", "members": [K]},
            ENUM,
        ],
        "a member of a variant repeats a member of the union",
    ),
    "a variant of itself": (
        [of_members(K, tag="k", variants=[{"case": "a", "type": "1"}]), ENUM],
        "it is one of its own variants",
    ),
    "an array of itself": (
        [{"name": "[[0]]", "meta-type": "array", "element-type": "[[0]]"}],
        "its elements are arrays",
    ),
    "an alternate of itself": (
        [{"name": "5", "meta-type": "alternate", "members": [{"type": "5"}]}],
        "is an alternate, too",
    ),
}


def level(number: int, *cases: str) -> JsonObject:
    """Return an object whose variants are all the next object."""
    return {
        "name": str(number + 10),
        "meta-type": "object",
        "members": [{"name": f"k{number}", "type": "2"}],
        "tag": f"k{number}",
        "variants": [{"case": case, "type": str(number + 11)} for case in cases],
    }


LARGE_ANSWERS: Final[dict[str, tuple[Callable[[], list[Any]], str]]] = {
    "more entities than any schema has": (
        lambda: [EMPTY, *(command(f"c{number}") for number in range(limits.SCHEMA_DEFINITIONS))],
        "more than {SCHEMA_DEFINITIONS} commands, events and types",
    ),
    "more members": (
        lambda: [of_members(*[{"name": "a", "type": "0"}] * (limits.SCHEMA_MEMBERS + 1)), EMPTY],
        "expected at most {SCHEMA_MEMBERS}",
    ),
    "more values": (
        lambda: [{**ENUM, "values": ["a"] * (limits.SCHEMA_MEMBERS + 1)}],
        "expected at most {SCHEMA_MEMBERS}",
    ),
    "a chain of variants": (
        lambda: [
            *(level(number, "a") for number in range(limits.SCHEMA_DEFINITIONS // 5)),
            {**EMPTY, "name": str(limits.SCHEMA_DEFINITIONS // 5 + 10)},
            ENUM,
        ],
        "its bases or branches are nested more than 100 levels deep",
    ),
    "variants that double at every level": (
        lambda: [
            *(level(number, "a", "b", "c") for number in range(60)),
            {**EMPTY, "name": "70"},
            {**ENUM, "values": ["a", "b", "c"]},
        ],
        "the types have more than {SCHEMA_MEMBERS} members",
    ),
    "a long name": (
        lambda: [command("a" * limits.SCHEMA_MEMBERS)],
        "it refers to '0', which is not among the",
    ),
}


def check_answer(answer: list[Any], reason: str) -> None:
    with pytest.raises(SchemaSemanticError) as caught:
        schema_from_introspection(answer)
    assert reason in str(caught.value)
    assert len(str(caught.value)) < 3000


@pytest.mark.parametrize(("answer", "reason"), ENTITIES.values(), ids=ENTITIES)
def test_answer_ends_in_one_clear_error(answer: list[Any], reason: str) -> None:
    check_answer(answer, reason)


@pytest.mark.parametrize(("make", "reason"), LARGE_ANSWERS.values(), ids=LARGE_ANSWERS)
def test_large_answer_ends_in_one_clear_error(make: Callable[[], list[Any]], reason: str) -> None:
    check_growth(lambda: (make(), with_limits(reason)), lambda made: check_answer(*made))


@pytest.mark.slow
@pytest.mark.parametrize(("make", "reason"), LARGE_ANSWERS.values(), ids=LARGE_ANSWERS)
def test_answer_of_the_largest_size(make: Callable[[], list[Any]], reason: str) -> None:
    check_answer(make(), with_limits(reason))


@pytest.mark.parametrize("opening", ["[", '{"a":'], ids=["arrays", "objects"])
def test_answer_nested_deeply(opening: str) -> None:
    value: Any = None
    for _ in range(100_000):
        value = [value] if opening == "[" else {"a": value}
    with pytest.raises(SchemaSemanticError) as caught:
        schema_from_introspection([{"name": "0", "meta-type": "object", "members": value}])
    assert str(caught.value).startswith("not an answer to query-qmp-schema: ")
    # Members that a later release adds are ignored.
    schema_from_introspection([{**EMPTY, "more": value}])
    while value is not None:  # freed level by level: at once would recurse too deeply
        value = value[0] if opening == "[" else value["a"]


WRONG: Final[tuple[Any, ...]] = (
    None,
    True,
    3,
    1.5,
    "x",
    "",
    [],
    [3],
    [None],
    [[]],
    {},
    {"x": 3},
    "\ud800",
)


@pytest.mark.parametrize("index", range(len(ANSWER)), ids=lambda index: str(ANSWER[index]["name"]))
def test_wrong_type_of_any_key(index: int) -> None:
    """Try each wrong type in an otherwise correct answer."""
    refused = 0
    for parent, key in [*_parts_of(ANSWER[index])]:
        for value in (*WRONG, "drop"):
            answer = copy.deepcopy(ANSWER)
            changed = answer[index]
            for step in parent:
                changed = changed[step]
            if value == "drop":
                del changed[key]
            else:
                changed[key] = value
            refused += not try_answer(answer)
    assert refused > 10


def _parts_of(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    for key, part in value.items() if isinstance(value, dict) else enumerate(value):
        yield path, key
        if isinstance(part, dict | list):
            yield from _parts_of(part, (*path, key))


def try_answer(answer: list[Any]) -> bool:
    """Return True if the answer is accepted; an accepted one must work for every user."""
    try:
        schema = schema_from_introspection(answer)
    except SchemaError as error:
        repr(error) + str(error)
        return False
    use(schema)
    return True


ARGUMENTS: Final[tuple[JsonObject, ...]] = (
    {},
    {"two": {"kind": "b", "deep": "x", "m": None}},
    {"ref": [[[1]]]},
)


def use(schema: Schema) -> None:
    """Pass a schema to every function that takes one."""
    again = introspection_of(schema)
    assert introspection_of(schema_from_introspection(again)) == again
    "\n".join(listing(schema))
    assert not differences(schema, schema)
    validator = Validator(schema)
    for each in schema.commands():
        for arguments in ARGUMENTS:
            try:
                validator.arguments(each.name)(arguments)
            except ValidationError as error:
                str(error)


@pytest.mark.parametrize("name", ["__proto__", "__class__", "constructor", "__init__", "None"])
def test_names_that_mean_something_elsewhere_are_names(name: str) -> None:
    self_reference = {
        "name": name,
        "meta-type": "object",
        "members": [{"name": name, "type": name}],
    }
    answer: list[Any] = [
        {"name": name, "meta-type": "command", "arg-type": name, "ret-type": name},
        self_reference,
    ]
    schema = schema_from_introspection(answer)
    assert introspection_of(schema) == answer
    use(schema)


def test_alternate_that_meets_itself_in_an_array(schema_of: Callable[..., Schema]) -> None:
    schema = schema_of(
        "{ 'alternate': 'Ref', 'data': { 's': 'str', 'l': [ 'Ref' ] } }\n"
        "{ 'command': 'go', 'data': { 'ref': 'Ref' } }"
    )
    check = Validator(schema).arguments("go")
    check({"ref": [["a"], "b", []]})
    with pytest.raises(ValidationError):
        check({"ref": [[["a", 3]]]})


def test_what_is_used_stays_when_its_condition_is_not_met(schema_of: Callable[..., Schema]) -> None:
    """QEMU wouldn't compile, but the model stays complete."""
    schema = select(
        schema_of(
            "{ 'command': 'go', 'data': 'One', 'returns': [ 'One' ] }\n"
            "{ 'struct': 'One', 'base': 'Two', 'data': {}, 'if': 'X' }\n"
            "{ 'struct': 'Two', 'data': { 'a': 'Three' }, 'if': 'X' }\n"
            "{ 'enum': 'Three', 'data': [ 'b', { 'name': 'c', 'if': 'X' } ], 'if': 'X' }\n"
            "{ 'union': 'Four', 'base': 'Two', 'discriminator': 'a',"
            " 'data': { 'b': 'Five', 'c': 'Five' } }\n"
            "{ 'struct': 'Five', 'data': {} }\n"
            "{ 'struct': 'Six', 'data': {}, 'if': 'X' }"
        ),
        lambda name: False,
    )
    assert {"One", "[One]", "Two", "Three", "Four", "Five"} <= schema.types.keys()
    assert "Six" not in schema.types
    four = schema.types["Four"]
    assert isinstance(four, UnionDefinition)
    assert [branch.name for branch in four.branches] == ["b"]
    use(schema)


@pytest.mark.property
@given(changed_answer())
def test_any_change_of_an_answer(answer: list[Any]) -> None:
    try_answer(answer)


@pytest.mark.property
@given(changed_qapi(), st.booleans(), st.sets(st.sampled_from(CONDITIONS)))
def test_any_change_of_a_schema(text: str, is_strict: bool, defined: set[str]) -> None:
    def read(name: str) -> bytes:
        if name != "schema.json":
            raise FileNotFoundError(2, "No such file or directory")
        return text.encode()

    try:
        schema = schema_from_qapi("schema.json", read, is_strict=is_strict)
    except SchemaError as error:
        for each in (error, *error.others):
            repr(each) + str(each)
        return
    use(schema)
    use(select(schema, defined.__contains__))
    assert BUILT_INS.keys() <= schema.types.keys()
