"""The process's part of a script: the table ``[process]``, and the rules ``[[when]]``.

A rule has conditions (``argv``, ``environment``, ``start``), a moment (``after``, ``command``,
``event``; by default the start), and what then happens: texts, and the end of the process.

A recording of QEMU's answers is a script, too: each answer is a rule.
"""

import re
import shlex
import signal
from collections.abc import Callable, Mapping, Sequence
from os.path import dirname, join
from typing import Any, Final, NamedTuple

from qmpeer import limits
from qmpeer.fake_qemu.documents import Document, script_error
from qmpeer.fake_qemu.qemu_options import OptionWord, words_of

TABLES: Final = ("process", "when")
"""The tables of the process's part."""


class Rule(NamedTuple):
    """One ``[[when]]``.

    Attributes:
        argv: Words that the command line has, one behind the other; ``*`` stands for any text.
        environment: Variables with their values; True if any value does, False if it isn't set.
        start: The number of the start, from 1; None for every start.
        after: Seconds after the moment; None at once.
        command: The command whose reply is the moment, or "".
        event: The event that is the moment, or "".
        arguments: Arguments that the command has, possibly among others.
        data: Data that the event has, possibly among others.
        stdout: A text for standard output.
        stderr: A text for standard error.
        serial: A text for the first serial port.
        log: A text for the file of -D, or standard error.
        chardev: Texts for character devices, by id.
        file: Texts for files, by path.
        status: The exit status with which the process ends; None if it goes on.
        signal: The signal that ends it; None if none does.
        replay: The path of a recorded conversation that answers QMP in this start, or "".
        conversation: The number in the recording of the only one to play, from 1; None for all.
    """

    argv: tuple[str, ...] = ()
    environment: Mapping[str, str | bool] = {}
    start: int | None = None
    after: float | None = None
    command: str = ""
    event: str = ""
    arguments: Mapping[str, Any] = {}
    data: Mapping[str, Any] = {}
    stdout: str = ""
    stderr: str = ""
    serial: str = ""
    log: str = ""
    chardev: Mapping[str, str] = {}
    file: Mapping[str, str] = {}
    status: int | None = None
    signal: int | None = None
    replay: str = ""
    conversation: int | None = None

    @property
    def ends(self) -> bool:
        """True if the process ends."""
        return self.status is not None or self.signal is not None

    @property
    def is_at_once(self) -> bool:
        """True if it happens before anything is opened."""
        is_at_start = self.after is None and not self.command and not self.event
        return is_at_start and not (self.serial or self.log or self.chardev)

    def fits(self, words: Sequence[OptionWord], environment: Mapping[str, str], start: int) -> bool:
        """Return whether its conditions hold.

        Args:
            words: The command line's words.
            environment: The process's environment.
            start: The number of the start.
        """
        if self.start not in (None, start):
            return False
        for name, value in self.environment.items():
            found = environment.get(name)
            if found != value if isinstance(value, str) else (found is not None) is not value:
                return False
        return not self.argv or _has_words(words, self.argv)


class ProcessScript(NamedTuple):
    """The process's part of a script.

    Attributes:
        version: QEMU's version in the answer to -version, such as "9.2.0 (Debian 1:9.2.0)", or "".
            By default that of the monitor's greeting.
        answers: The path of a recording of QEMU's answers, or "".
        replay: The path of a recorded conversation that answers QMP, or "".
        faults: Faults for QMP's connections.
        is_insecure: True if TCP may be open to the network.
        rules: The rules, in order.
        has_monitor: True if there is a monitor's part, too.
    """

    version: str = ""
    answers: str = ""
    replay: str = ""
    faults: tuple[str, ...] = ()
    is_insecure: bool = False
    rules: tuple[Rule, ...] = ()
    has_monitor: bool = False


def read_process_script(path: str) -> ProcessScript:
    """Read the process's part of a script. Paths in it are relative to the script's folder.

    [Tables of other names are the monitor's part, which `qmpeer.script` reads and judges.]

    Args:
        path: The file.

    Raises:
        OSError: If it can't be read.
        ScriptError: If it is wrong; it has the file and the line.
    """
    document = Document(path)
    settings = _settings(document)
    rules = document.values.get("when", [])
    if not isinstance(rules, list) or not all(isinstance(rule, dict) for rule in rules):
        raise script_error("found 'when', expected [[when]]", document.place("when"))
    if len(rules) > limits.FAKE_QEMU_RULES:
        found = f"found {len(rules)} rules, expected at most {limits.FAKE_QEMU_RULES}"
        raise script_error(found, document.place("when"))
    return settings._replace(
        rules=tuple(_rule(document, number, rule) for number, rule in enumerate(rules)),
        has_monitor=not document.values.keys() <= {*TABLES},
    )


def _settings(document: Document) -> ProcessScript:
    table = document.values.get("process", {})
    if not isinstance(table, dict):
        raise script_error("found 'process', expected [process]", document.place("process"))
    values = _values(document, "process", 0, table, _SETTINGS)
    if "insecure" in values:
        values["is_insecure"] = values.pop("insecure")
    _resolve(document, values)
    server = document.values.get("server")
    numbers = server.get("version") if isinstance(server, dict) else None
    if isinstance(numbers, list):
        values.setdefault("version", ".".join(map(str, numbers)))
    return ProcessScript(**values)


def _resolve(document: Document, values: dict[str, Any]) -> None:
    """Take paths as relative to the script's folder."""
    for name in ("answers", "replay"):
        if name in values:
            values[name] = join(dirname(document.path), values[name])


def _rule(document: Document, number: int, table: Mapping[str, Any]) -> Rule:
    values = _values(document, "when", number, table, _KEYS)
    for first, second in (("status", "signal"), ("command", "event")):
        if first in values and second in values:
            place = document.place("when", number, second)
            raise script_error(f"found {first} and {second}, expected one of them", place)
    for key, owner in (("arguments", "command"), ("data", "event")):
        if key in values and owner not in values:
            place = document.place("when", number, key)
            raise script_error(f"found {key}, expected {owner}, too", place)
    _resolve(document, values)
    rule = Rule(**values)
    for key in ("replay", "conversation"):
        if key in values and values.keys() & _MOMENTS:
            place = document.place("when", number, key)
            raise script_error(f"found {key} with a moment, expected a rule for the start", place)
    if not values.keys() & _DOING:
        reason = "found a rule that does nothing, expected a text, status or signal"
        raise script_error(reason, document.place("when", number))
    return rule


# Values


def _values(
    document: Document,
    name: str,
    number: int,
    table: Mapping[str, Any],
    known: "Mapping[str, tuple[_Check, str]]",
) -> dict[str, Any]:
    """Check a table's values, and return them in the form that a program needs."""
    checked: dict[str, Any] = {}
    for key, value in table.items():
        if key not in known:
            raise script_error(_unknown(key, known), document.place(name, number, key))
        check, expected = known[key]
        try:
            checked[key] = check(value)
        except ValueError:
            found = repr(value)
            found = found if len(found) <= 60 else f"{found[:60]}…"
            place = document.place(name, number, key)
            raise script_error(f"found {key} = {found}, expected {expected}", place) from None
    return checked


def _unknown(key: str, known: Mapping[str, object]) -> str:
    from qmpeer.messages import near_names  # start: 40 ms

    near = near_names(key, known, 1)
    hint = f"is it {near[0]!r}?" if near else f"expected {_list(tuple(known))}"
    return f"found an unknown key {key!r}; {hint}" if near else f"found {key!r}, {hint}"


def _list(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} or {names[-1]}"


_Check = Callable[[Any], Any]


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError
    return value


def _some_text(value: Any) -> str:
    if not value:
        raise ValueError
    return _text(value)


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError
    return value


def _texts(value: Any) -> Mapping[str, str]:
    if not isinstance(value, dict) or not all(isinstance(each, str) for each in value.values()):
        raise ValueError
    return value


def _list_of_texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise ValueError
    return tuple(value)


def _object(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ValueError
    return value


def _words(value: Any) -> tuple[str, ...]:
    words = shlex.split(value) if isinstance(value, str) else list(_list_of_texts(value))
    if not words:
        raise ValueError
    return tuple(word.text for word in words_of(words))


def _environment(value: Any) -> Mapping[str, str | bool]:
    if not isinstance(value, dict):
        raise ValueError
    if not all(isinstance(each, str | bool) for each in value.values()):
        raise ValueError
    return value


def _whole(least: int, most: int) -> _Check:
    def check(value: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise ValueError
        return value

    return check


def _seconds(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError
    if not 0 <= value <= limits.FAKE_QEMU_SECONDS:
        raise ValueError
    return float(value)


def _signal(value: Any) -> int:
    if isinstance(value, str):
        name = value if value.startswith("SIG") else f"SIG{value}"
        if name not in signal.Signals.__members__:
            raise ValueError
        return int(signal.Signals[name])
    number: int = _whole(1, 64)(value)
    return number


_KEYS: Final[Mapping[str, tuple[_Check, str]]] = {
    "argv": (_words, "words of a command line, such as '-accel kvm'"),
    "environment": (_environment, "texts, true or false, by variable"),
    "start": (_whole(1, 1_000_000), "a number from 1"),
    "after": (_seconds, f"seconds up to {limits.FAKE_QEMU_SECONDS:.0f}"),
    "command": (_some_text, "the name of a QMP command"),
    "event": (_some_text, "the name of a QMP event"),
    "arguments": (_object, "a table of arguments"),
    "data": (_object, "a table of an event's data"),
    "stdout": (_text, "a text"),
    "stderr": (_text, "a text"),
    "serial": (_text, "a text"),
    "log": (_text, "a text"),
    "chardev": (_texts, "texts by the ids of character devices"),
    "file": (_texts, "texts by path"),
    "status": (_whole(0, 255), "an exit status from 0 to 255"),
    "signal": (_signal, "a signal, such as 'SIGKILL'"),
    "replay": (_some_text, "the path of a recorded conversation"),
    "conversation": (_whole(1, 1_000_000), "a number from 1"),
}
_SETTINGS: Final[Mapping[str, tuple[_Check, str]]] = {
    "version": (_some_text, "a version, such as '9.2.0'"),
    "answers": (_some_text, "the path of a recording of answers"),
    "replay": (_some_text, "the path of a recorded conversation"),
    "faults": (_list_of_texts, "a list of faults, such as ['cut after=stop']"),
    "insecure": (_truth, "true or false"),
}


_MOMENTS: Final = frozenset({"after", "command", "event", "arguments", "data"})
_DOING: Final = _KEYS.keys() - _MOMENTS - {"argv", "environment", "start"}


# Conditions


def _has_words(words: Sequence[OptionWord], patterns: Sequence[str]) -> bool:
    for at in range(len(words) - len(patterns) + 1):
        if all(_is_like(words[at + n], pattern) for n, pattern in enumerate(patterns)):
            return True
    return False


def _is_like(word: OptionWord, pattern: str) -> bool:
    if pattern.startswith("-") and len(pattern) > 1 and not word.is_option:
        return False
    if "*" not in pattern:
        return word.text == pattern
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), word.text, re.S) is not None
