r"""libvirt's ``.replies``: commands and their replies as indented JSON, with blank lines between.

::

    {
      "execute": "query-version",
      "id": "libvirt-2"
    }

    {
      "return": {},
      "id": "libvirt-2"
    }

Older files have replies alone. Each value becomes one line of a transcript, with its strings and
numbers as they are. Only a value that isn't indented in libvirt's way keeps its lines, so that the
same file can be written again. Older files have the brackets of empty containers on two lines; then
the section has a fact that says so.
"""

import json
import re
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from qmpeer import limits
from qmpeer.errors import TranscriptError
from qmpeer.transcript.entries import (
    Entry,
    Line,
    Noise,
    OnConnection,
    Remark,
    Section,
    Sender,
    Transcript,
)
from qmpeer.transcript.reading import shown, too_long
from qmpeer.values import JsonObject, JsonValue

_TOKENS: Final = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*"?|[\[\]{},:]|[^\s\[\]{},:"]+')
_BLANKS: Final = re.compile(r"[ \t\r\n]*")
_EMPTY: Final = re.compile(r"(?:\{\n *\}|\[\n *\])")
_STRING: Final = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*"?')
_FACT: Final = "empty brackets"
_ON_TWO_LINES: Final = "on two lines"
_VERBS: Final = ("execute", "exec-oob")
_ANSWERS: Final = ("return", "error")
_decode = json.JSONDecoder().raw_decode


# --- Reading ------------------------------------------------------------------------------------


def parse_replies(data: bytes | str, name: str = "<replies>") -> Transcript:
    """Read a file of libvirt's replies, as one section.

    Args:
        data: The whole text.
        name: The file's name, for errors.

    Raises:
        TranscriptError: If it holds anything but JSON objects, or is longer than
            `limits.TRANSCRIPT_SIZE`.
    """
    if len(data) > limits.TRANSCRIPT_SIZE:
        raise too_long(name)
    text = data if isinstance(data, str) else _decoded(data, name)
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    is_split = _EMPTY.search(text) is not None
    lines: list[Entry] = []
    for value, found in _values(text, name):
        sender = Sender.CLIENT if any(verb in value for verb in _VERBS) else Sender.SERVER
        compact = _compact(found)
        parts = [compact] if _pretty(compact, is_split) == found else found.split("\n")
        lines += [Line(sender, part.encode() + sender.line_end) for part in parts]
    facts = {_FACT: _ON_TWO_LINES} if is_split else {}
    return Transcript("", (Section("", tuple(lines), facts),) if lines else (), name)


def _decoded(data: bytes, name: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        reason = f"found byte 0x{data[error.start]:02x}, expected UTF-8"
        raise TranscriptError(reason, name, line) from None


def _values(text: str, name: str) -> Iterator[tuple[JsonObject, str]]:
    """Yield the objects in a text, each with its own text."""
    start, counted, line = 0, 0, 1
    while (start := _after_blanks(text, start)) < len(text):
        line += text.count("\n", counted, start)
        counted = start
        try:
            value, end = _decode(text, start)
        except json.JSONDecodeError as error:
            reason = f"{error.msg[:1].lower()}{error.msg[1:]}"
            at = line + text.count("\n", start, error.pos)
            raise TranscriptError(
                f"found {_line_at(text, error.pos)}, expected JSON: {reason}", name, at
            ) from None
        except (RecursionError, ValueError) as error:  # Python limits the digits of an int
            reason = "nested too deep" if isinstance(error, RecursionError) else str(error)
            raise TranscriptError(f"found JSON that can't be read: {reason}", name, line) from None
        if not isinstance(value, dict):
            reason = f"found {_line_at(text, start)}, expected a JSON object"
            raise TranscriptError(reason, name, line)
        yield value, text[start:end]
        start = end


def _after_blanks(text: str, start: int) -> int:
    blanks = _BLANKS.match(text, start)
    return blanks.end() if blanks else start


def _line_at(text: str, position: int) -> str:
    start = text.rfind("\n", 0, position) + 1
    end = text.find("\n", position)
    line = text[start : end if end >= 0 else len(text)][: 4 * limits.TRANSCRIPT_FOUND]
    return shown(line.encode("utf-8", "backslashreplace")) if line.strip() else "the end"


# --- Layout -------------------------------------------------------------------------------------


def _compact(text: str) -> str:
    """Return JSON on one line, as QEMU writes it."""
    return "".join(f"{token} " if token in (",", ":") else token for token in _TOKENS.findall(text))


def _pretty(text: str, is_split: bool) -> str:
    """Return JSON on many lines, as libvirt writes it."""
    parts: list[str] = []
    depth, last = 0, ""
    for token in _TOKENS.findall(text):
        if token in "}]":
            depth -= 1
            if is_split or last not in ("{", "["):
                parts.append(_indent(depth))
        elif last in ("{", "[", ","):
            parts.append(_indent(depth))
        if token in "{[":
            depth += 1
        parts.append(": " if token == ":" else token)
        last = token
    return "".join(parts)


def _indent(depth: int) -> str:
    return "\n" + "  " * depth


# --- Writing ------------------------------------------------------------------------------------


class _Said(NamedTuple):
    """A whole message of a transcript."""

    sender: Sender
    value: JsonObject
    text: str
    line: int


def format_replies(transcript: Transcript) -> tuple[str, list[str]]:
    """Write a transcript as libvirt's replies: each command, then its reply.

    A message on one line is indented in libvirt's way, any other keeps its lines. So a file that
    was read by `parse_replies` is written as it was, except that line ends become LF and that there
    is one blank line between two values.

    Returns:
        The text, and what is lost: one line for each kind of thing, and for each command that had
        no reply.
    """
    lost = _Lost()
    blocks: list[str] = []
    for section in transcript.sections:
        is_split = section.facts.get(_FACT) == _ON_TWO_LINES
        lost.add("title", bool(section.title))
        lost.add("fact", len(section.facts.keys() - {_FACT}))
        for conversation in _conversations(section, lost):
            kept = _kept(conversation, lost)
            lost.add("border between conversations", bool(kept) and bool(blocks))
            blocks += [_laid_out(said.text, is_split) for said in kept]
    text = "\n\n".join(blocks)
    return f"{text}\n" if text else "", lost.lines()


def _laid_out(text: str, is_split: bool) -> str:
    return text.replace("\r\n", "\n") if "\n" in text else _pretty(text, is_split)


class _Lost:
    """The things that a file of replies has no place for, counted."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._commands: list[str] = []

    def add(self, what: str, count: int = 1) -> None:
        if count:
            self._counts[what] = self._counts.get(what, 0) + count

    def add_command(self, said: _Said) -> None:
        place = f" (line {said.line})" if said.line else ""
        self._commands.append(f"a command without a reply: {_name_of(said)}{place}")

    def lines(self) -> list[str]:
        return [_counted(what, count) for what, count in self._counts.items()] + self._commands


_PLURALS: Final = {
    "border between conversations": "borders between conversations",
    "message that isn't JSON": "messages that aren't JSON",
    "piece of noise": "pieces of noise",
    "reply without a command": "replies without a command",
}


def _counted(what: str, count: int) -> str:
    return f"{count} {what if count == 1 else _PLURALS.get(what, f'{what}s')}"


def _name_of(said: _Said) -> str:
    name = next((said.value[verb] for verb in _VERBS if verb in said.value), None)
    return json.dumps(name) if not isinstance(name, str) else name


def _kept(conversation: list[_Said], lost: _Lost) -> list[_Said]:
    """Return the commands, each followed by its reply; replies alone if there are no commands."""
    commands = [said for said in conversation if said.sender is Sender.CLIENT]
    replies: list[_Said] = []
    for said in conversation:
        if said.sender is Sender.SERVER:
            if any(name in said.value for name in _ANSWERS):
                replies.append(said)
            else:
                is_greeting, is_event = "QMP" in said.value, "event" in said.value
                kind = "greeting" if is_greeting else "event" if is_event else "unknown message"
                lost.add(kind)
    if not commands:
        return replies
    answers = _matched(conversation)
    lost.add("reply without a command", len(replies) - len(answers))
    kept: list[_Said] = []
    for command in commands:
        answer = answers.get(id(command))
        if answer is None:
            lost.add_command(command)
        else:
            kept += (command, answer)
    return kept


def _matched(conversation: list[_Said]) -> dict[int, _Said]:
    """Return the reply of each command, by the command's identity.

    A reply belongs to the first unanswered command of its id, or without one.
    """
    waiting: dict[str, deque[_Said]] = {}
    answers: dict[int, _Said] = {}
    for said in conversation:
        key = json.dumps(said.value.get("id", _NO_ID), sort_keys=True)
        if said.sender is Sender.CLIENT:
            waiting.setdefault(key, deque()).append(said)
        elif any(name in said.value for name in _ANSWERS) and (queue := waiting.get(key)):
            answers[id(queue.popleft())] = said
    return answers


_NO_JSON: Final = "message that isn't JSON"
_NO_ID: Final[JsonValue] = ["no id"]


def _conversations(section: Section, lost: _Lost) -> Iterable[list[_Said]]:
    """Return the messages of each connection."""
    found: dict[int, list[_Said]] = {}
    joined: dict[tuple[int, Sender], _Joined] = {}
    connection = 1
    for number, entry in enumerate(section.entries):
        match entry:
            case Line(sender, data):
                key = connection, sender
                part = joined.setdefault(key, _Joined())
                line = section.line + number if section.line else 0
                for value, text, first in part.receive(
                    data.lstrip(b"\xff").decode("utf-8", "replace"), line, lost
                ):
                    found.setdefault(connection, []).append(_Said(sender, value, text, first))
            case OnConnection(connection):
                lost.add("directive")
            case Remark():
                lost.add("remark")
            case Noise():
                lost.add("piece of noise")
            case _:
                lost.add("directive")
    for part in joined.values():
        part.end(lost)
    return found.values()


class _Joined:
    """The unfinished message of one sender, whose parts are on several lines."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._first = 0
        self._depth = 0
        self._start = 0  # of the parts whose brackets aren't counted

    def receive(self, data: str, line: int, lost: _Lost) -> Iterator[tuple[JsonObject, str, int]]:
        """Yield the messages that a line completes, each with its text and its first line."""
        if not self._parts:
            self._first = line
        self._parts.append(data)
        if not data.endswith("\n") and not data.rstrip().endswith("}"):
            return
        # Where no string is open, brackets can be counted; else the text isn't whole anyway.
        outside = _STRING.sub("", "".join(self._parts[self._start :]))
        self._depth += sum(map(outside.count, "{[")) - sum(map(outside.count, "}]"))
        self._start = len(self._parts)
        if self._depth > 0:
            return
        text = "".join(self._parts)
        self._forget()
        start = _after_blanks(text, 0)
        while start < len(text):
            try:
                value, end = _decode(text, start)
            except (ValueError, RecursionError):
                lost.add(_NO_JSON)
                return
            if isinstance(value, dict):
                yield value, text[start:end], self._first
            else:
                lost.add("unknown message")
            start = _after_blanks(text, end)

    def _forget(self) -> None:
        self._parts.clear()
        self._depth = self._start = 0

    def end(self, lost: _Lost) -> None:
        """Count a message that has no end."""
        if "".join(self._parts).strip(" \t\r\n\xff\ufffd"):
            lost.add(_NO_JSON)
