"""Checks: functions that take one JSON value of one type, or refuse it in QEMU's words.

Theory of operation. A check is a closure that knows nothing of where its value stands. A value
that doesn't fit raises ValueRefusal; each closure that it passes on its way out adds its own step
to the path (".member" or "[3]"), so that no path is made while all is well. The text is made at the
end.

The order in which things are refused is QEMU's: members in the order of their declaration, those
of a base first, those of a branch last, missing and ill-typed ones at once; unexpected ones when
all the others of the same object have been read.

Spec: QEMU's input visitor, whose error texts these are. Some of them give the member's own name
instead of its path, and "null" for a list's element: a value outside an enum, an integer outside
its bits, a value of none of an alternate's types.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Final, NamedTuple, TypeAlias

from qmpeer.errors import ValidationError
from qmpeer.messages import qemu_texts, unexpected_member
from qmpeer.schema.model import BuiltIn
from qmpeer.values import UNSET, JsonObject, JsonValue

Check: TypeAlias = Callable[[JsonValue], None]

_MISSING: Final = object()
_MIN_INT64: Final = -(1 << 63)
_MAX_INT64: Final = (1 << 63) - 1
_MAX_UINT64: Final = (1 << 64) - 1


class ValueRefusal(Exception):
    """A value that doesn't fit, on the way out to where its place is known.

    Attributes:
        text: Makes QEMU's sentence of the name of the parameter.
        expected: What was expected.
        found: The value; UNSET where there was none.
        is_local: Whether the name is the last step of the path only.
        feature: The feature that policy refuses; "" where it is no matter of policy.
        path: The steps to the value, the innermost first: ".member" or "[3]".
    """

    def __init__(
        self,
        text: Callable[[str], str],
        expected: str,
        found: object,
        *,
        is_local: bool = False,
        feature: str = "",
    ) -> None:
        super().__init__(expected, found)
        self.text = text
        self.expected = expected
        self.found = found
        self.is_local = is_local
        self.feature = feature
        self.path: list[str] = []

    def error(self) -> ValidationError:
        """Make the error for the caller."""
        path = "".join(reversed(self.path)).removeprefix(".")
        name = path if self.path else "null"
        if self.is_local and self.path:
            last = self.path[0]
            name = last[1:] if last.startswith(".") else "null"
        return ValidationError(self.text(name), path, self.expected, self.found, self.feature)


def _wrong_type(expected: str, value: JsonValue, *, is_local: bool = False) -> ValueRefusal:
    text = partial(qemu_texts.wrong_type, expected=expected)
    return ValueRefusal(text, expected, value, is_local=is_local)


def _expects(what: str, value: JsonValue, *, is_local: bool = False) -> ValueRefusal:
    return ValueRefusal(partial(qemu_texts.expects, what=what), what, value, is_local=is_local)


def _not_accepted(values: Iterable[str], value: JsonValue) -> ValueRefusal:
    expected = "one of " + ", ".join(sorted(values))
    return ValueRefusal(
        partial(qemu_texts.not_accepted, value=value), expected, value, is_local=True
    )


def _at(member: str, text: Callable[[str], str], expected: str, found: object) -> ValueRefusal:
    refusal = ValueRefusal(text, expected, found)
    refusal.path.append(f".{member}")
    return refusal


# --- Values without parts -----------------------------------------------------------------------


def _check_any(value: JsonValue) -> None:
    pass


def _check_string(value: JsonValue) -> None:
    if type(value) is not str:
        raise _wrong_type("string", value)


def _check_boolean(value: JsonValue) -> None:
    if type(value) is not bool:
        raise _wrong_type("boolean", value)


def _check_null(value: JsonValue) -> None:
    if value is not None:
        raise _wrong_type("null", value)


def _check_number(value: JsonValue) -> None:
    if type(value) is not float and type(value) is not int:
        raise _wrong_type("number", value)


SIMPLE_CHECKS: Final[dict[str, tuple[type | None, Check]]] = {
    "str": (str, _check_string),
    "bool": (bool, _check_boolean),
    "null": (type(None), _check_null),
    "number": (float, _check_number),
    "any": (None, _check_any),
}
"""The checks of built-in types but the integers, and a Python type whose values all pass."""


def integer_check(built_in: BuiltIn) -> Check:
    """Make the check of an integer type; 1.0 and 1e3 are no integers, as in QEMU."""
    low, high = built_in.low, built_in.high
    if low < 0:
        widest = max(high, _MAX_INT64)

        def check_signed(value: JsonValue) -> None:
            if type(value) is not int or not _MIN_INT64 <= value <= widest:
                raise _wrong_type("integer", value)
            if not low <= value <= high:
                raise _expects(word, value, is_local=True)

        word = f"int{high.bit_length() + 1}_t"
        return check_signed

    def check_unsigned(value: JsonValue) -> None:
        # A negative integer is taken for the two's complement of 64 bits.
        if type(value) is not int or not _MIN_INT64 <= value <= _MAX_UINT64:
            raise _expects("uint64", value)
        if value & _MAX_UINT64 > high:
            raise _expects(word, value, is_local=True)

    word = f"uint{high.bit_length()}_t"
    return check_unsigned


def enum_check(values: Iterable[str], rejected: Mapping[str, str]) -> Check:
    """Make the check of an enum.

    Args:
        values: All its values.
        rejected: Those that policy refuses, with the word why: "Deprecated" or "Unstable".
    """
    known = frozenset(values)

    def check_enum(value: JsonValue) -> None:
        if type(value) is not str:
            raise _wrong_type("string", value)
        if value not in known:
            raise _not_accepted(known, value)
        if value in rejected:
            word = rejected[value]
            desc = qemu_texts.disabled(f"{word} value {value}")
            raise ValueRefusal(lambda name: desc, "another value", value, feature=word.lower())

    return check_enum


def rejected_check(word: str) -> Check:
    """Make the check of a member that policy refuses whatever its value is."""

    def check_rejected(value: JsonValue) -> None:
        def text(name: str) -> str:
            return qemu_texts.disabled(f"{word} parameter {name}")

        raise ValueRefusal(text, "no such member", value, is_local=True, feature=word.lower())

    return check_rejected


# --- Values with parts --------------------------------------------------------------------------


def array_check(check: Check) -> Check:
    """Make the check of an array from that of its elements."""

    def check_array(value: JsonValue) -> None:
        if type(value) is not list:
            raise _wrong_type("array", value)
        index = 0
        try:
            for item in value:
                check(item)
                index += 1
        except ValueRefusal as refusal:
            refusal.path.append(f"[{index}]")
            raise

    return check_array


def map_check(check: Check) -> Check:
    """Make the check of objects with any members from that of their values."""

    def check_map(value: JsonValue) -> None:
        if type(value) is not dict:
            raise _wrong_type("object", value)
        for name, item in value.items():
            _check_member(check, name, item)

    return check_map


def _check_member(check: Check, name: str, value: JsonValue) -> None:
    try:
        check(value)
    except ValueRefusal as refusal:
        refusal.path.append(f".{name}")
        raise


def alternate_check(checks: Mapping[type, Check], name: str) -> Check:
    """Make the check of an alternate.

    Args:
        checks: The check for each Python type of a JSON value that is allowed.
        name: The alternate's name, which the text for any other type gives.
    """

    def check_alternate(value: JsonValue) -> None:
        check = checks.get(type(value))
        if check is None:
            raise _wrong_type(name, value, is_local=True)
        check(value)

    return check_alternate


class Field(NamedTuple):
    """One member of an object.

    Attributes:
        name: Its name.
        simple: A Python type whose values all pass; None where there is no such type.
        check: The check for all others.
        is_optional: Whether it may be missing.
    """

    name: str
    simple: type | None
    check: Check
    is_optional: bool


class Fields:
    """The members of an object type, and of each of its branches.

    It is filled after it was made, so that a type may contain itself.

    Attributes:
        rows: The `fields` as plain tuples, which are taken apart several times as fast.
        tag: The member that decides which branch there is; None without branches.
        branches: The further members, for each value of the tag.
        rest: The check of all other members; None where there must be none.
        barred: Members that must not be among these.
    """

    __slots__ = ("_fields", "barred", "branches", "rest", "rows", "tag")

    def __init__(self) -> None:
        self._fields: tuple[Field, ...] = ()
        self.rows: tuple[tuple[str, type | None, Check, bool], ...] = ()
        self.tag: str | None = None
        self.branches: dict[str, Fields] = {}
        self.rest: Check | None = None
        self.barred: frozenset[str] = frozenset()

    @property
    def fields(self) -> tuple[Field, ...]:
        """The members, in the order in which they are checked."""
        return self._fields

    @fields.setter
    def fields(self, fields: tuple[Field, ...]) -> None:
        self._fields = fields
        self.rows = tuple((*field,) for field in fields)

    @property
    def takes_nothing(self) -> bool:
        """Whether an object without members will do."""
        return all(field.is_optional for field in self.fields)


def object_check(top: Fields) -> Check:
    """Make the check of an object."""

    def check_object(value: JsonValue) -> None:
        if type(value) is not dict:
            raise _wrong_type("object", value)
        count = 0
        part: Fields = top
        while True:
            for name, simple, check, is_optional in part.rows:
                item = value.get(name, _MISSING)
                if type(item) is simple:
                    count += 1
                    continue
                if item is _MISSING:
                    if is_optional:
                        continue
                    raise _at(name, qemu_texts.missing, "a value", UNSET)
                try:
                    check(item)  # type: ignore[arg-type]  # it isn't _MISSING
                except ValueRefusal as refusal:
                    refusal.path.append(f".{name}")
                    raise
                count += 1
            if part.tag is None:
                break
            part = _branch(part, value)
        if count < len(value):
            if top.rest is None:
                raise _unexpected(top, value)
            _check_rest(top, top.rest, value)

    return check_object


def _check_rest(top: Fields, check: Check, value: JsonObject) -> None:
    known = {field.name for field in top.fields}
    for name, item in value.items():
        if name in top.barred:
            raise _at(name, qemu_texts.unexpected, "no such member", item)
        if name not in known:
            _check_member(check, name, item)


def _branch(part: Fields, value: JsonObject) -> Fields:
    tag = value.get(part.tag or "")
    branch = part.branches.get(tag) if type(tag) is str else None
    if branch is None:  # its own check took it: a string up to 2.0, where it should be an enum
        refusal = _not_accepted(part.branches, tag)
        refusal.path.append(f".{part.tag}")
        raise refusal
    return branch


def _unexpected(top: Fields, value: JsonObject) -> ValueRefusal:
    part, read = top, list[str]()
    while True:
        read += [field.name for field in part.fields if field.name in value]
        if part.tag is None:
            break
        part = _branch(part, value)
    name = unexpected_member(list(value), read)
    return _at(name, qemu_texts.unexpected, "no such member", value[name])
