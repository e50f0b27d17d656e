"""A fault: what happens, and where, as a value that is checked and has a text of one line."""

import json
import math
import re
from collections.abc import Mapping
from typing import Final, TypeAlias

import msgspec

from qmpeer import limits
from qmpeer.errors import FaultError
from qmpeer.faults.vocabulary import (
    FOREIGN,
    KINDS,
    MOMENTS,
    TARGETS,
    WHERE_KEYS,
    Default,
    Form,
    Key,
    Kind,
    Where,
)
from qmpeer.messages import near_names
from qmpeer.values import JsonValue

Setting: TypeAlias = int | float | str | dict[str, JsonValue]
"""The value of a key."""

_BARE: Final = re.compile(r"[^\s\"'{}\[\]#=][^\s#]*")
_NAME: Final = re.compile(r"[^\s\x00-\x1f]+")
_SHOWN: Final = 60


class Fault(msgspec.Struct, frozen=True):
    """One fault of a plan; ``str()`` gives the text that `parse_fault` reads.

    Attributes:
        word: The word of its kind.
        settings: The values of its keys, in the order of the text.

    Example:
        >>> from qmpeer.faults import parse_fault
        >>> str(parse_fault("cut   byte=3 after=migrate  # a remark"))
        'cut after=migrate byte=3'
    """

    word: str
    settings: tuple[tuple[str, Setting], ...]

    @property
    def kind(self) -> Kind:
        """What happens."""
        return KINDS[self.word]

    def get(self, key: str) -> Setting | None:
        """Return the value of a key, or None."""
        return dict(self.settings).get(key)

    def number(self, key: str, default: float = 0) -> float:
        """Return the value of a key that has a number."""
        found = self.get(key)
        return found if isinstance(found, int | float) else default

    def text(self, key: str, default: str = "") -> str:
        """Return the value of a key that has a text."""
        found = self.get(key)
        return found if isinstance(found, str) else default

    @property
    def target(self) -> str | None:
        """The key that names its place: one of `TARGETS`, or None."""
        return next((key for key, _ in self.settings if key in TARGETS), None)

    @property
    def is_of_server(self) -> bool:
        """True if it concerns the bytes of the server, or the server itself."""
        if self.target in {"command"}:
            return False
        return self.text("sender", "server") == "server"

    def __str__(self) -> str:
        words = [self.word]
        for key, value in self.settings:
            written = _written(self._form(key), value)
            words.append(written if key == self.kind.name else f"{key}={written}")
        return " ".join(words)

    def _form(self, name: str) -> Form:
        key = self.kind.key(name) or WHERE_KEYS[name]
        return key.form


def make_fault(word: str, settings: Mapping[str, object]) -> Fault:
    """Return a fault, checked.

    Args:
        word: The word of its kind.
        settings: The values of its keys.

    Raises:
        FaultError: If it can't be.

    Example:
        >>> str(make_fault("drop", {"event": "STOP", "times": 2}))
        'drop event=STOP times=2'
    """
    kind = find_kind(word)
    checked: dict[str, Setting] = {}
    for name, value in settings.items():
        checked[name] = _checked(kind, find_key(kind, name), value)
    _check_together(kind, checked)
    own = [key.name for key in kind.keys]
    first = [kind.name] if kind.name else []
    order = [*first, *(name for name in WHERE_KEYS if name not in own), *own]
    present = dict.fromkeys(name for name in order if name in checked)
    return Fault(word, tuple((name, checked[name]) for name in present))


def find_kind(word: str) -> Kind:
    """Return the kind of fault that a word names.

    Raises:
        FaultError: If there is none; it says what is near.
    """
    if word in KINDS:
        return KINDS[word]
    near = near_names(word, KINDS)
    if word in FOREIGN:
        hint = f"write {FOREIGN[word]}"
    else:
        hint = f"did you mean {near[0]}?" if near else expected_kinds()
    raise FaultError(f"found an unknown fault {shown(word)}", hint)


def expected_kinds() -> str:
    """Return the end of an error: the words of all kinds."""
    return f"expected one of {', '.join(KINDS)}"


def find_key(kind: Kind, name: str) -> Key:
    """Return a key that a kind of fault takes.

    Raises:
        FaultError: If it doesn't take one of that name.
    """
    key = kind.key(name) or WHERE_KEYS.get(name)
    known = [*(each.name for each in kind.keys), *_fitting(kind)]
    if key is None:
        near = near_names(name, known)
        hint = f"did you mean {near[0]}=?" if near else f"expected one of {', '.join(known)}"
        raise FaultError(f"{kind.word}: found an unknown key {shown(name)}", hint)
    if name not in known:
        raise FaultError(f"{kind.word}: {name}= doesn't fit", f"it takes {', '.join(known)}")
    return key


def _fitting(kind: Kind) -> list[str]:
    """Return the keys of a place that a kind of fault takes."""
    if kind.word == "late":
        return []
    if kind.word == "refuse":
        return ["times", "permille", "seed", "connection"]
    fitting: set[str] = {"permille", "seed", "connection", "times", "nth"}
    for flag, names in (
        (Where.ANY, ("message",)),
        (Where.COMMAND, ("command", "arguments")),
        (Where.REPLY, ("reply", "arguments")),
        (Where.EVENT, ("event", "data")),
        (Where.MOMENT, (*MOMENTS, "arguments")),
        (Where.BYTE, ("byte",)),
        (Where.SENDER, ("sender",)),
    ):
        if flag in kind.where:
            fitting.update(names)
    return [name for name in WHERE_KEYS if name in fitting]


# Checking


def _checked(kind: Kind, key: Key, value: object) -> Setting:
    """Return a key's value if it has the right form and is in range."""
    found: Setting
    match key.form, value:
        case Form.MESSAGE, "greeting":
            return "greeting"
        case ((Form.NUMBER | Form.SIZE | Form.MESSAGE), int()) if not isinstance(value, bool):
            found = value
        case Form.SECONDS, int() | float() if not isinstance(value, bool) and math.isfinite(value):
            found = float(value)
        case Form.NAME, str() if _NAME.fullmatch(value):
            return value
        case Form.TEXT, str():
            return value
        case Form.CHOICE, str() if value in key.choices:
            return value
        case Form.OBJECT, dict() if _is_json(value):
            return value
        case _:
            raise FaultError(
                f"{kind.word}: {key.name}= found {shown(value)}, expected {_form(key)}"
            )
    if not key.least <= found <= key.most:
        raise FaultError(f"{kind.word}: {key.name}= found {_plain(found)}, expected {_form(key)}")
    return found


def _form(key: Key) -> str:
    """Return what a key takes, for an error."""
    if key.form is Form.CHOICE:
        return f"one of {', '.join(key.choices)}"
    if key.form in (Form.NUMBER, Form.SECONDS, Form.SIZE, Form.MESSAGE):
        return f"{key.form.value} from {_plain(key.least)} to {_plain(key.most)}"
    return str(key.form.value)


def _is_json(value: object) -> bool:
    try:
        return bool(json.loads(json.dumps(value, allow_nan=False)) == value)
    except (TypeError, ValueError, RecursionError):
        return False


def _check_together(kind: Kind, settings: Mapping[str, Setting]) -> None:
    """Refuse keys that contradict one another, and a kind without what it needs."""
    word = kind.word
    for key in kind.keys:
        if key.is_required and key.name not in settings:
            needed = key.name.upper() if key.name == kind.name else f"{key.name}="
            raise FaultError(f"{word}: found no {needed}, expected {key.doc}")
    targets = [key for key in TARGETS if key in settings]
    if len(targets) > 1:
        found = " and ".join(f"{key}=" for key in targets)
        raise FaultError(f"{word}: found {found}, expected one place")
    target = targets[0] if targets else None
    if "arguments" in settings and target not in ("command", "reply", "after", "after-reply"):
        raise FaultError(f"{word}: arguments= needs command=, reply=, after= or after-reply=")
    if "data" in settings and kind.key("data") is None and target != "event":
        raise FaultError(f"{word}: data= needs event=")
    if "sender" in settings and target in ("command", "reply", "event"):
        whose = "client" if target == "command" else "server"
        raise FaultError(
            f"{word}: sender= doesn't fit {target}=", f"those are always the {whose}'s"
        )
    if "nth" in settings and "times" in settings:
        raise FaultError(f"{word}: found nth= and times=, expected one of them")
    is_once = target == "time" or isinstance(settings.get("message"), int)
    is_once = is_once or (target is None and kind.default is Default.BEGINNING)
    for name in ("nth", "times"):
        if name in settings and is_once and kind.word != "refuse":
            place = f"{target}= is" if target else "the beginning of a connection is"
            raise FaultError(f"{word}: {name}= doesn't fit", f"{place} found only once")
    if settings.get("message") == "greeting" and settings.get("sender") == "client":
        raise FaultError(f"{word}: the greeting is the server's, found sender=client")
    byte = settings.get("byte")
    is_in_message = target is not None and target not in MOMENTS
    if is_in_message and isinstance(byte, int) and byte > limits.FAULT_MESSAGE:
        most = limits.FAULT_MESSAGE
        raise FaultError(f"{word}: byte= found {byte}, expected one of a message, at most {most}")


# Writing


def _written(form: Form, value: Setting) -> str:
    if isinstance(value, dict):
        return json.dumps(value)
    if isinstance(value, str):
        return value if _BARE.fullmatch(value) else json.dumps(value)
    if form is Form.SIZE and isinstance(value, int) and value:
        for unit, size in (("G", 1 << 30), ("M", 1 << 20), ("k", 1 << 10)):
            if value % size == 0:
                return f"{value // size}{unit}"
    return _plain(value)


def _plain(number: float) -> str:
    """Return a number without an exponent and without ``.0``."""
    if isinstance(number, float):
        if number.is_integer():
            return str(int(number))
        text = repr(number)
        return text if "e" not in text else f"{number:.20f}".rstrip("0")
    return str(number)


def shown(value: object) -> str:
    """Return a value for an error, shortened."""
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
