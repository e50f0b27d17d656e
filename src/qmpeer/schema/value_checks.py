"""Validators for JSON values, one for each type of a schema, with QEMU's error texts.

Theory of operation. A check is a closure over a type. It takes a value and doesn't know the value's
place in the arguments. It raises ValueRefusal for a value that doesn't fit. Each check that the
exception passes adds its own step to the path (".member" or "[3]"), so valid values cost no path.
The error text is composed last.

Errors come in QEMU's order. Members are checked in the order of their declaration: the base's
first, the branch's last. A missing member and a wrong type are reported at once. Unexpected members
are reported after all declared members of the same object.

Spec: QEMU's input visitor, from which the error texts come. Three of them name the member without
its path, and call a list's element "null": a value outside an enum, an integer out of range, and a
value that fits no branch of an alternate.
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
    """A value that doesn't fit its type; outer checks add the path to it.

    Attributes:
        text: Composes QEMU's sentence from the parameter's name.
        expected: The type or value that was expected.
        found: The value; UNSET if the member is missing.
        is_local: True if the sentence names only the last step of the path.
        feature: The feature that policy rejects; "" if policy plays no part.
        path: The steps to the value, innermost first: ".member" or "[3]".
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
        """Return the error for the caller, with its whole path."""
        path = "".join(reversed(self.path)).removeprefix(".")
        # QEMU prints "null" for a value without a name, such as the arguments as a whole.
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


# --- Simple values ------------------------------------------------------------------------------


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
    # Exact types here and below: to isinstance(), True is an int.
    if type(value) is not float and type(value) is not int:
        raise _wrong_type("number", value)


SIMPLE_CHECKS: Final[dict[str, tuple[type | None, Check]]] = {
    "str": (str, _check_string),
    "bool": (bool, _check_boolean),
    "null": (type(None), _check_null),
    "number": (float, _check_number),
    "any": (None, _check_any),
}
"""For each built-in type except integers: a Python type whose values all pass, and the check."""


def integer_check(built_in: BuiltIn) -> Check:
    """Return the check of an integer type; it refuses 1.0 and 1e3, as QEMU does."""
    low, high = built_in.low, built_in.high
    if low < 0:
        widest = max(high, _MAX_INT64)  # introspection's int covers uint64, too

        def check_signed(value: JsonValue) -> None:
            if type(value) is not int or not _MIN_INT64 <= value <= widest:
                raise _wrong_type("integer", value)
            if not low <= value <= high:
                raise _expects(word, value, is_local=True)

        word = f"int{high.bit_length() + 1}_t"  # QEMU's text has the name of the C type
        return check_signed

    def check_unsigned(value: JsonValue) -> None:
        # QEMU reads a negative integer as the two's complement of 64 bits.
        if type(value) is not int or not _MIN_INT64 <= value <= _MAX_UINT64:
            raise _expects("uint64", value)
        if value & _MAX_UINT64 > high:
            raise _expects(word, value, is_local=True)

    word = f"uint{high.bit_length()}_t"
    return check_unsigned


def enum_check(values: Iterable[str], rejected: Mapping[str, str]) -> Check:
    """Return the check of an enum.

    Args:
        values: All its values.
        rejected: The values that policy rejects, each with "Deprecated" or "Unstable".
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
    """Return the check of a member that policy rejects, whatever its value."""

    def check_rejected(value: JsonValue) -> None:
        def text(name: str) -> str:
            return qemu_texts.disabled(f"{word} parameter {name}")

        raise ValueRefusal(text, "no such member", value, is_local=True, feature=word.lower())

    return check_rejected


# --- Arrays, alternates, objects ----------------------------------------------------------------


def array_check(check: Check) -> Check:
    """Return the check of an array, made from its elements' check."""

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
    """Return the check of an object with arbitrary member names, made from its values' check."""

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
    """Return the check of an alternate.

    Args:
        checks: The check for each allowed Python type of a JSON value.
        name: The alternate's name, for the error text about any other type.
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
        simple: A Python type whose values all pass; None if there is no such type.
        check: The check for all other values.
        is_optional: True if it may be missing.
    """

    name: str
    simple: type | None
    check: Check
    is_optional: bool


class Fields:
    """The members of an object type and of its branches.

    It is filled after it is created, because a type may contain itself.

    Attributes:
        rows: The `fields` as plain tuples, which Python unpacks several times as fast.
        tag: The discriminator; None for a type without branches.
        branches: The branch's members, for each value of the tag.
        rest: The check of all other members; None if other members are refused.
        barred: Names that other members must not have.
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
        """True if an empty object fits."""
        return all(field.is_optional for field in self.fields)


def object_check(top: Fields) -> Check:
    """Return the check of an object.

    This is a monitor's hot path, which is why the loop over branches is written out.
    """

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
        # Some member was not declared: only now is it worth finding out which.
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
    if branch is None:  # up to 2.0 the tag may be a plain string, whose check passes any value
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
