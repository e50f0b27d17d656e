"""Redaction of secrets in commands, texts and errors before they are logged or saved.

Every log, history and recording uses it. A value is redacted

- if its name is that of a secret, at any depth, even if the name is misspelt;
- if its command may carry a secret, unless the value is known to be harmless: a number, a boolean,
  or a text of the form that its member has;
- if it is part of a text: the password in a URL, the value after ``password=``.

The tables of names and commands are in `secret_names`.
"""

import re
from collections import deque
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Final

from qmpeer import limits
from qmpeer.messages.secret_names import (
    CARRIERS,
    SECRETS,
    TYPING,
    carrier_of,
    is_called_secret,
    is_plain_object,
    is_secret_name,
    is_shown,
    keeps_secrets,
    simple_name,
)
from qmpeer.values import JsonObject, JsonValue

REDACTED: Final = "<redacted>"

_OF_ANY: Final = frozenset().union(*SECRETS.values()) - {"key", "keys", "args"}
"""Members that are secrets in an unknown command."""

_HUMAN: Final[Mapping[str, int]] = {
    "block-passwd": 2,
    "change": 2,
    "expire-password": 2,
    "object-add": 1,
    "qom-set": 3,
    "set-password": 2,
}
"""Commands of the human monitor that carry secrets, with the number of words that may be shown."""
_HUMAN_MONITOR_COMMAND: Final = "human-monitor-command"
_PRESSING: Final = re.compile(r"\A(\s*sendkey\s+)\S.*\Z", re.DOTALL)
"""A line of the human monitor that presses keys."""
_USERINFO: Final = re.compile(r"(://[^\s/?#@:%\"',]*[:%])[^\s/?#@\"']+(?=@)")
_RBD_KEY: Final = re.compile(r"(:key=)[^\s:,\"']+")
_NAME: Final = re.compile(
    r"(?<![\w.\\-])(-*+)([A-Za-z][\w.-]*+(?:\\u[0-9a-fA-F]{4}[\w.-]*+)*)"
    r"([\\\"']*+[ \t]*+:?[=:][ \t]*+\\?|[ \t]++)"
)
"""A name that a value may follow: ``password=``, ``"password": ``, ``--password ``."""
_VALUE: Final = re.compile(r"\"[^\"]*+\"?|'[^'\n]*+'?|[^,\s&;\"'\\]*+(?:,,[^,\s&;\"'\\]*+)*")
_OPTIONS: Final = ("u", "user")
"""Options of programs whose value is a user name with a password."""
_WORDS: Final = re.compile(r"[^\s,:=@%\"']{4,}")


def redact_keys(command: str, arguments: JsonObject) -> JsonObject:
    """Return arguments without the keys that a command presses: they may type a password.

    Args:
        command: The command's name.
        arguments: Its arguments, or a whole message around them.

    Returns:
        The same object if the command presses none.

    Example:
        >>> redact_keys("send-key", {"keys": [{"type": "qcode", "data": "a"}], "hold-time": 9})
        {'keys': [{'type': 'qcode', 'data': '<redacted>'}], 'hold-time': 9}
        >>> redact_keys("human-monitor-command", {"command-line": "sendkey a 9"})
        {'command-line': 'sendkey <redacted>'}
    """
    is_line = command == _HUMAN_MONITOR_COMMAND
    if not is_line and simple_name(command) not in TYPING:
        return arguments
    redact = _without_pressed if is_line else _without_keys
    redacted = {name: redact(member) for name, member in arguments.items()}
    return redacted if redacted != arguments else arguments


def _without_keys(value: JsonValue) -> JsonValue:
    if isinstance(value, dict):
        return {
            name: REDACTED
            if name == "data" and not isinstance(member, dict | list)
            else _without_keys(member)
            for name, member in value.items()
        }
    if isinstance(value, list):
        return [REDACTED if isinstance(item, str) else _without_keys(item) for item in value]
    return value


def _without_pressed(value: JsonValue) -> JsonValue:
    """Return a line of the human monitor, or what holds one, without its keys."""
    if isinstance(value, dict):
        return {name: _without_pressed(member) for name, member in value.items()}
    if isinstance(value, str):
        return _PRESSING.sub(rf"\1{REDACTED}", value)
    return value


def redact_arguments(
    command: str, arguments: JsonObject | None, *, is_known: bool | None = None
) -> JsonObject | None:
    """Return the arguments with their secrets redacted, or the same object if there are none.

    Args:
        command: The command's name.
        arguments: The command's arguments.
        is_known: True if the server has this command, so the name isn't misspelt. False if it
            doesn't: then members that are secrets in any command are secrets here.

    Example:
        >>> redact_arguments("set_password", {"protocol": "vnc", "passwrd": "x"})
        {'protocol': 'vnc', 'passwrd': '<redacted>'}
    """
    if not arguments:
        return arguments
    redacted = _Redaction(command, is_known).of(arguments, "", 0)
    assert isinstance(redacted, dict)
    return redacted


def redact_message(message: JsonValue) -> JsonValue:
    """Return a command message with its secrets redacted, and any other message unchanged.

    Misspelt names, even of "execute" and "arguments", reveal nothing.
    """
    return _message(message, 0)


def _message(message: JsonValue, depth: int) -> JsonValue:
    # Not a command, but a client may have sent a list by mistake: its strings may be arguments.
    if isinstance(message, list):
        if depth > limits.REDACTION_DEPTH:
            return REDACTED
        items = [_message(item, depth + 1) for item in message]
        if any(isinstance(item, str) and carrier_of(item) for item in _some(message)):
            items = [REDACTED for _ in message]
        return items if _differ(items, message) else message
    if not isinstance(message, dict) or {"return", "error", "event", "QMP"} & message.keys():
        return message
    command = _command_of(message)
    redacted: JsonObject = {}
    for name, value in message.items():
        if isinstance(value, dict) and name != "id":
            redacted[name] = redact_arguments(command, value)
        elif value != command and name != "id":
            redacted.update(redact_arguments(command, {name: value}) or {})
        else:
            redacted[name] = value
    return redacted if _differ(redacted.values(), message.values()) else message


def _command_of(message: JsonObject) -> str:
    """Return a message's command; a secret-carrying one is found anywhere in the message."""
    name = message.get("execute", message.get("exec-oob"))
    values = [item for each in _some(message.values()) for item in (each, *_items(each))]
    texts = [text for text in (name, *values) if isinstance(text, str)]
    return next(filter(carrier_of, texts), name if isinstance(name, str) else "")


def _items(value: JsonValue) -> Iterable[JsonValue]:
    return _some(value) if isinstance(value, list) else ()


def _some(values: Iterable[JsonValue]) -> Iterable[JsonValue]:
    """Return the first few values: a sane client's message has no more."""
    return islice(values, 8)


def _differ(new: Iterable[JsonValue], old: Iterable[JsonValue]) -> bool:
    return any(one is not other for one, other in zip(new, old, strict=True))


class _Redaction:
    """The redaction of the arguments of one command."""

    def __init__(self, command: str, is_known: bool | None) -> None:
        self._command = simple_name(command)
        self._carrier = carrier_of(command)
        if is_known and self._command not in CARRIERS:
            self._carrier = None
        self._is_unknown = is_known is False
        self._names = 0
        self._secrets = SECRETS.get(self._carrier or self._command, frozenset())

    def of(self, value: JsonValue, name: str, depth: int) -> JsonValue:
        """Return a value with its secrets redacted, or the same object if there are none."""
        if depth > limits.REDACTION_DEPTH:
            return REDACTED
        match value:
            case dict():
                carrier = self._carrier_at(value, depth)
                members: JsonObject = {
                    key: self._member(carrier, key, member, depth) for key, member in value.items()
                }
                return members if _differ(members.values(), value.values()) else value
            case list():
                items = [self.of(item, name, depth + 1) for item in value]
                return items if _differ(items, value) else value
            case str():
                return self._text(name, value)
        return value

    def _carrier_at(self, value: JsonObject, depth: int) -> str | None:
        """Return the command whose members an object holds; None if it can't hold secrets."""
        if self._carrier == "object-add" or self._is_unknown:
            if any(isinstance(each, str) and keeps_secrets(each) for each in value.values()):
                return "object-add"
            kind = value.get("qom-type")
            if "props" in value or (isinstance(kind, str) and is_plain_object(kind)):
                return None
        return self._carrier if depth == 0 else None

    def _member(self, carrier: str | None, name: str, value: JsonValue, depth: int) -> JsonValue:
        self._names += 1  # looking for misspelt names takes 60 microseconds each
        is_secret = is_secret_name if self._names <= limits.REDACTION_NAMES else is_called_secret
        if is_secret(name) or simple_name(name) in self._secrets:
            return REDACTED
        if self._is_unknown and depth == 0 and name in _OF_ANY:
            return REDACTED
        if carrier is None or not isinstance(value, str | list | dict):
            if self._command == "transaction" and name == "actions" and isinstance(value, list):
                if len(value) > limits.REDACTION_NAMES:
                    return REDACTED
                actions = [_action(each) for each in value]
                return actions if _differ(actions, value) else value
            return self.of(value, name, depth + 1)
        if isinstance(value, str) and is_shown(carrier, name, value):
            return redact_text(value)
        return REDACTED

    def _text(self, name: str, value: str) -> str:
        if self._command == _HUMAN_MONITOR_COMMAND:
            return redact_human_line(value)
        return redact_text(value)


def _action(action: JsonValue) -> JsonValue:
    """Return an action of a transaction, which resembles a command, with its secrets redacted."""
    if isinstance(action, dict) and isinstance(name := action.get("type"), str):
        data = action.get("data")
        blanked = redact_arguments(name, data) if isinstance(data, dict) else data
        action = action if blanked is data else {**action, "data": blanked}
    return _Redaction("", None).of(action, "", 0)


# --- Texts --------------------------------------------------------------------------------------


def redact_text(text: str) -> str:
    """Return a text with redacted passwords in its URLs and redacted values after secret names.

    Example:
        >>> redact_text("http://me:x@host/ --password y key=z")
        'http://me:<redacted>@host/ --password <redacted> key=z'
    """
    if text.startswith("exec:"):  # a command line, in which any word may be secret
        return f"exec:{REDACTED}"
    if "rbd:" in text:
        text = _RBD_KEY.sub(rf"\1{REDACTED}", text)
    parts, at = [], 0
    for found in _NAME.finditer(text):
        dashes, name, between = found.groups()
        if found.start() < at or (between.isspace() and not dashes):
            continue
        is_option = bool(dashes) and name in _OPTIONS
        if is_option or is_called_secret(name.rpartition(".")[2]):
            value = _VALUE.match(text, found.end())
            if value is not None and value[0]:
                parts += [text[at : found.end()], REDACTED]
                at = value.end()
    return redact_urls("".join([*parts, text[at:]]) if parts else text)


def redact_urls(text: str) -> str:
    """Return a text with the passwords in its URLs redacted."""
    return _USERINFO.sub(rf"\1{REDACTED}", text) if "://" in text else text


def redact_human_line(line: str) -> str:
    """Return a line for the human monitor with its secrets redacted; the same line if none."""
    words = line.split()
    for at, word in enumerate(words):
        name = _human_carrier(word.strip("\"';"), is_first=at == 0)
        if name is not None:
            rest = words[at:]
            count = _shown_words(name, rest)
            if count < len(rest):
                shown = [*words[:at], *rest[:count]]
                return " ".join([*map(redact_text, shown), REDACTED])
        elif word.startswith("exec:"):
            return " ".join([*words[:at], f"exec:{REDACTED}"])
        elif "secret," in word:
            before = word.partition("secret,")[0]
            return " ".join([*words[:at], f"{before}secret,{REDACTED}"])
    return redact_text(line)


def _human_carrier(word: str, *, is_first: bool) -> str | None:
    """Return the secret-carrying command that a word means; a line's first word may be misspelt."""
    name = simple_name(word)
    if name in _HUMAN:
        return name
    if not is_first or len(name) < 2:
        return None
    begun = [each for each in _HUMAN if each.startswith(name)]
    found = begun[0] if begun else carrier_of(name)
    return found if found in _HUMAN else None


def _shown_words(name: str, words: list[str]) -> int:
    """Return how many words of a human monitor's command may be shown."""
    behind = [word.strip("\"'") for word in words[1:]]
    first = behind[0] if behind else ""
    if name == "change" and not first.startswith("vnc"):
        return len(words)
    if name == "object-add" and is_plain_object(first.removeprefix("qom-type=")):
        return len(words) if redact_text(first) == first else 1
    if name in ("set-password", "expire-password") and first not in ("vnc", "spice"):
        return 1
    last = behind[-1] if len(behind) == _HUMAN[name] else ""
    member = {"qom-set": "value", "expire-password": "time"}.get(name)
    if member is not None and is_shown(name, member, last):
        return len(words)
    return _HUMAN[name]


# --- Answers ------------------------------------------------------------------------------------


class Scrubber:
    """The secrets of recent commands, which are redacted in error texts, too."""

    __slots__ = ("_secrets",)

    def __init__(self) -> None:
        self._secrets: deque[str] = deque(maxlen=limits.REDACTED_TEXTS)

    def arguments(self, command: str, arguments: JsonObject | None) -> JsonObject | None:
        """Return a command's arguments with their secrets redacted, and remember the secrets."""
        redacted = redact_arguments(command, arguments)
        if redacted is not arguments:
            self.blanked(arguments, redacted)
        return redacted

    def blanked(self, value: JsonValue, shown: JsonValue) -> None:
        """Remember the secrets that `shown` redacts in `value`."""
        waiting = [(value, shown)]  # a stack: values may be deep
        while waiting:
            value, shown = waiting.pop()
            if value is shown:
                continue
            if isinstance(value, str) and len(value) <= limits.REDACTED_SIZE:
                self._remember(value, shown)
            elif isinstance(value, dict):
                members = shown if isinstance(shown, dict) else dict.fromkeys(value, REDACTED)
                waiting += [(value[name], members[name]) for name in reversed(value)]
            elif isinstance(value, list):
                items = shown if isinstance(shown, list) else [REDACTED] * len(value)
                waiting += reversed([*zip(value, items, strict=True)])

    def _remember(self, value: str, shown: JsonValue) -> None:
        kept = set(_WORDS.findall(shown)) if isinstance(shown, str) else ()
        # QEMU's errors often quote only a part of a value, so its words are remembered, too.
        words = [word for word in _WORDS.findall(value) if word not in kept]
        whole = [value] if shown == REDACTED and len(value) >= limits.REDACTED_LENGTH else []
        self._secrets.extend([*whole, *words])

    def text(self, text: str) -> str:
        """Return a text, such as an error's, with the remembered secrets redacted."""
        # The longest first: a shorter one may be a part of it.
        for secret in sorted(self._secrets, key=len, reverse=True):
            text = text.replace(secret, REDACTED)
        return redact_urls(text)
