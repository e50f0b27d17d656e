"""The readers of both directions' values, and the blanking of their secrets.

A value without a secret is kept as its very bytes. One with a secret is written anew, on one line,
with ``<redacted>`` for it:

- of a command, what `qmpeer.messages.redact_message` says, and each key of commands that press
  keys, since they may type a password;
- of an error, and of a return value that is a text, secrets of earlier commands;
- of anything, passwords in URLs.

Of a client's bytes that are no message, every text in quotes but the command's name is blanked: no
table of secrets can be applied to a broken command. So are bare words in and behind one, until the
next whole command: a quote or a line end inside a password turns outside and inside around.
"""

import re
from collections.abc import Callable
from operator import is_not
from typing import Any, Final

import msgspec

from qmpeer.errors import QMPError
from qmpeer.messages import (
    REDACTED,
    Scrubber,
    redact_human_line,
    redact_keys,
    redact_message,
    redact_urls,
)
from qmpeer.recording.cutting import NO_VALUE
from qmpeer.transcript import Sender
from qmpeer.values import JsonObject, JsonValue
from qmpeer.wire import ServerReader, encode_line
from qmpeer.wire.structure import may_have_odd_numbers, nulls_for_odd_numbers

_BEFORE: Final = b"\xff \t\r\n"
_QUOTED: Final = re.compile(
    r"\"[^\"\\]*(?:\\.[^\"\\]*)*(?:\"|\\?\Z)|'[^'\\]*(?:\\.[^'\\]*)*(?:'|\\?\Z)", re.DOTALL
)
_NAME_BEHIND: Final = re.compile(r"\s*:")
_WORD: Final = re.compile(
    rf"{_QUOTED.pattern}|[^\s{{}}\[\],:\"'\x00-\x1f\x7f\udc80-\udcff]+", re.DOTALL
)
_JSON_WORD: Final = re.compile(r"true|false|null|-?[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")
_VERBS: Final = ("execute", "exec-oob")
_REFUSED: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


class _FromServer(msgspec.Struct, gc=False):
    """The parts of a server's message that may have a secret; the rest is only checked."""

    error: msgspec.Raw = msgspec.Raw()
    returned: msgspec.Raw = msgspec.field(default=msgspec.Raw(), name="return")

    @property
    def may_have_secrets(self) -> bool:
        """True of an error, and of a return value that is a text."""
        return len(self.error) > 0 or bytes(memoryview(self.returned)[:1]) == b'"'


class _Plain(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """A command without arguments, which has no secret."""

    execute: str | msgspec.UnsetType = msgspec.UNSET
    exec_oob: str | msgspec.UnsetType = msgspec.field(default=msgspec.UNSET, name="exec-oob")
    id: msgspec.Raw = msgspec.Raw()


_decode_plain = msgspec.json.Decoder(_Plain).decode
_decode_server = msgspec.json.Decoder(_FromServer).decode
_decode_any = msgspec.json.Decoder(msgspec.Raw).decode
_decode_value = msgspec.json.Decoder().decode
_PLAIN_MESSAGE: Final = _FromServer()


def read_server(text: bytes) -> Any:
    """Return what a server's text may have of secrets, `NO_VALUE` if it isn't one value."""
    try:
        return _decode_server(text)
    except _REFUSED:
        return _read_odd(text.lstrip(_BEFORE))


def _read_odd(text: bytes) -> Any:
    """Read a value that isn't an object, or that has FF before it, or inf and nan in it."""
    if may_have_odd_numbers(text):
        text = b"".join(nulls_for_odd_numbers(text))
    try:
        return _decode_server(text)
    except msgspec.ValidationError:
        pass
    except _REFUSED:
        return NO_VALUE
    try:
        _decode_any(text)
    except _REFUSED:
        return NO_VALUE
    return _PLAIN_MESSAGE


class Blanker:
    """The blanking of one connection's secrets."""

    __slots__ = ("_is_torn", "_reader", "_scrubber")

    def __init__(self) -> None:
        self._is_torn = False  # since a client's broken command, until its next whole one
        self._reader = ServerReader()
        self._scrubber = Scrubber()

    def read_client(self, text: bytes) -> Any:
        """Return the value that a client's text is, `NO_VALUE` if it isn't one value."""
        try:
            return _decode_plain(text)
        except _REFUSED:
            pass
        if text[:1] == b"\xff":
            text = text.lstrip(_BEFORE)
        items = self._reader.receive_data(text if text[-1:] == b"\n" else text + b"\n")
        if len(items) == 1 and self._reader.is_idle and not isinstance(items[0], QMPError):
            return items[0]
        self._reader = ServerReader()
        return NO_VALUE

    def value(self, sender: Sender, text: bytes, value: Any) -> bytes:
        """Return the text of a value without secrets."""
        if sender is Sender.CLIENT:
            self._is_torn = False
            if type(value) is _Plain:
                return text
            shown = self._command(value)
            return text if shown is value else _written_anew(text, shown)
        if value.may_have_secrets:
            text = self._answer(text)
        return _without_urls(text) if b"://" in text or b":\\/" in text else text

    def _command(self, value: JsonValue) -> JsonValue:
        """Return a command without secrets, or the same one."""
        if isinstance(value, str):
            return redact_human_line(value)
        shown = redact_message(value)
        if shown is not value:
            self._scrubber.blanked(value, shown)
        if isinstance(shown, dict):
            for verb in _VERBS:
                if isinstance(command := shown.get(verb), str):
                    shown = _without_keys(command, shown)
        return shown

    def _answer(self, text: bytes) -> bytes:
        """Return an error, or a return value that is a text, without secrets of commands."""
        try:
            message: JsonObject = _decode_value(text.lstrip(_BEFORE))
            shown = {
                name: _texts_changed(member, self._scrubber.text)
                for name, member in message.items()
                if name in ("return", "error")
            }
        except _REFUSED:  # it holds inf or nan, or is very deep
            return self.noise(Sender.SERVER, text)
        if all(member is message[name] for name, member in shown.items()):
            return text
        return _written_anew(text, {**message, **shown})

    def noise(self, sender: Sender, data: bytes) -> bytes:
        """Return bytes that are no message without what may be a secret."""
        text = data.decode("utf-8", "surrogateescape")
        if sender is Sender.CLIENT:
            is_behind, self._is_torn = self._is_torn, self._is_torn or _begins_command(text)
            text = _without_quoted(text, keeps_names=not is_behind)
            if self._is_torn:
                text = _without_bare_words(text, keeps_numbers=not is_behind)
            lines = text.splitlines(keepends=True)
            text = "".join(map(_without_secrets_of_line, lines))
        return self.text(text).encode("utf-8", "surrogateescape")

    def text(self, text: str) -> str:
        """Return a text for people, such as an error's, without secrets of earlier commands."""
        return self._scrubber.text(text)


def _without_keys(command: str, message: JsonObject) -> JsonObject:
    """Return a message without the keys that its command presses, or the same one."""
    parts = {name: part for name, part in message.items() if name not in (*_VERBS, "id")}
    blanked = redact_keys(command, parts)
    return message if blanked is parts else {**message, **blanked}


def _written_anew(text: bytes, value: JsonValue) -> bytes:
    """Return a value's text in place of another one, with what was around that."""
    before = text[: len(text) - len(text.lstrip(_BEFORE))]
    behind = text[len(text.rstrip()) :]
    return before + encode_line(value).rstrip() + behind


def _texts_changed(value: JsonValue, change: Callable[[str], str]) -> JsonValue:
    """Return a value with each text in it changed, or the same one if no text is."""
    if isinstance(value, str):
        shown = change(value)
        return value if shown == value else shown
    if isinstance(value, dict):
        members = {name: _texts_changed(member, change) for name, member in value.items()}
        return members if any(members[name] is not value[name] for name in value) else value
    if isinstance(value, list):
        items = [_texts_changed(item, change) for item in value]
        return items if any(map(is_not, items, value)) else value
    return value


def _without_urls(text: bytes) -> bytes:
    """Return a message without passwords in its URLs."""
    if b":\\/" in text:  # JSON may escape a slash
        try:
            value: JsonValue = _decode_value(text.lstrip(_BEFORE))
            shown = _texts_changed(value, redact_urls)
        except _REFUSED:
            return text
        return text if shown is value else _written_anew(text, shown)
    whole = text.decode("utf-8", "surrogateescape")
    return redact_urls(whole).encode("utf-8", "surrogateescape")


def _begins_command(text: str) -> bool:
    return "{" in text or "[" in text


def _without_bare_words(text: str, *, keeps_numbers: bool) -> str:
    """Return a torn command with the words outside of its quotes blanked."""

    def blanked(found: re.Match[str]) -> str:
        word = found[0]
        is_kept = word[0] in "\"'" or (keeps_numbers and _JSON_WORD.fullmatch(word))
        return word if is_kept else REDACTED

    return _WORD.sub(blanked, text)


def _without_quoted(text: str, *, keeps_names: bool) -> str:
    """Return a torn command with its quoted texts blanked, except names and the command's own."""
    parts, at, name = [], 0, ""
    for match in _QUOTED.finditer(text):
        quoted = match[0]
        if keeps_names and _NAME_BEHIND.match(text, match.end()):
            name = quoted[1:-1]
        elif name in _VERBS:
            name = ""
        else:
            parts += [text[at : match.start()], f'"{REDACTED}"']
            at = match.end()
    return "".join([*parts, text[at:]])


def _without_secrets_of_line(line: str) -> str:
    words = line.rstrip()
    return redact_human_line(words) + line[len(words) :]
