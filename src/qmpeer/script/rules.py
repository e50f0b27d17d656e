"""A rule of a script: the command that it answers, and the steps of the answer."""

import re
from collections.abc import Callable, Mapping
from math import inf
from typing import Any, Final

import msgspec

from qmpeer.errors import ScriptError
from qmpeer.messages import CommandMessage
from qmpeer.monitor.threads import ENDING
from qmpeer.replay.patterns import ANY, REGEX, PatternError, compile_value
from qmpeer.replay.report import ReportedCommand
from qmpeer.script.calls import Call, reported
from qmpeer.script.checks import Checks
from qmpeer.script.steps import (
    CallFunction,
    Close,
    Goto,
    Hang,
    SendBytes,
    SendError,
    SendEvent,
    SendReply,
    Step,
    Wait,
)
from qmpeer.toml.place import Place
from qmpeer.values import JsonObject, JsonValue
from qmpeer.wire import line_pieces

_ANSWERS: Final = (SendReply, SendError, Hang, Close)


class Messages:
    """Several messages as a function of a script returns them: events and one reply.

    Args:
        *messages: The messages as they stand on the wire: objects with "return", "error" or
            "event"; an event may lack its timestamp. Bytes are sent as they are.

    Raises:
        ValueError: If one is no such message, or there is more than one reply.
    """

    def __init__(self, *messages: JsonObject | bytes) -> None:
        self.steps: list[Step] = [_step(each) for each in messages]
        if sum(isinstance(each, _ANSWERS) for each in self.steps) > 1:
            raise ValueError("found more than one reply, expected one at most")


def _step(message: JsonObject | bytes) -> Step:
    if not isinstance(message, bytes) and (fault := json_fault(message)) is not None:
        raise ValueError(fault)
    match message:
        case bytes():
            return SendBytes(message)
        case {"event": str(name)}:
            data = message.get("data")
            if data is None or isinstance(data, dict):
                return SendEvent(name, data)
        case {"error": error} if isinstance(error, dict):
            if isinstance(error.get("class"), str) and isinstance(error.get("desc"), str):
                return SendError(error)
        case {"return": value}:
            return SendReply(value)
    raise ValueError(f"found {message!r}, expected a reply, an error or an event as on the wire")


class Rule:
    """One rule of a script. Its methods add steps, and return the rule itself.

    The steps happen in the order in which they are written: an event before `reply` is sent
    before the reply, and one behind it after the reply. If no step answers the command and none
    sends bytes, the reply ``{}`` comes last.

    A rule answers once, unless `times` says otherwise.

    Attributes:
        name: The command's name; None for every command.
        command: The same with its expected arguments, which may hold patterns, as a message.
        state: The state in which the rule holds; None for all.
        place: Where it stands.
        steps: Its steps.
        least: How often it must be asked.
        most: How often it may be asked.
        asked: How often it was asked.
    """

    def __init__(
        self,
        name: str | None,
        arguments: Mapping[str, Any] | None,
        *,
        place: Place,
        checks: Checks,
        state: str | None = None,
        is_exact: bool = False,
        where: Callable[[Call], bool] | None = None,
        least: int = 1,
        most: float = 1,
        answers: bool = True,
    ) -> None:
        self.name: str | None = name
        self.state: str | None = state
        self.place: Place = place
        self.steps: list[Step] = []
        self.least: int = least
        self.most: float = most
        self.asked: int = 0
        self._answers = answers
        self._checks = checks
        self._where = where
        arguments = {} if arguments is None else arguments
        self._check(_fault_of_object("arguments", arguments))
        expected: JsonObject = {each: _pattern(item) for each, item in arguments.items()}
        self._shown = expected
        if name is not None:
            self._check(checks.command(name) or checks.pattern(name, expected))
        pattern = expected if is_exact else _opened(expected)
        self.command: CommandMessage = CommandMessage(name or "", pattern)
        try:
            self._matches = compile_value(pattern)
        except PatternError as error:
            raise ScriptError(str(error), str(place)) from None

    def _check(self, fault: str | None) -> None:
        if fault is not None:
            raise ScriptError(f"{self.name}: {fault}" if self.name else fault, str(self.place))

    # What the server does

    def reply(self, value: JsonValue = None) -> "Rule":
        """Reply with a return value; by default with ``{}``.

        Raises:
            ScriptError: If the command is answered already, if JSON can't have the value, or if the
                schema has another return type.
        """
        value = {} if value is None else value
        self._check(json_fault(value))
        if self.name is not None:
            self._check(self._checks.reply(self.name, value))
        return self._add(SendReply(value))

    def error(self, error_class: str, desc: str, **more: JsonValue) -> "Rule":
        """Reply with an error.

        Args:
            error_class: Its class, such as "GenericError".
            desc: Its description.
            **more: Further members of the error.

        Raises:
            ScriptError: If the command is answered already, or QEMU has no such class.
        """
        self._check(self._checks.error(error_class))
        error: JsonObject = {"class": error_class, "desc": desc, **more}
        self._check(json_fault(error))
        return self._add(SendError(error))

    def event(self, name: str, data: JsonObject | None = None) -> "Rule":
        """Send an event to all clients.

        Raises:
            ScriptError: If its data is no object, or the schema has no such event, or other data.
        """
        if data is not None:
            self._check(_fault_of_object(f"event {name}: data", data))
            self._check(json_fault(data))
        self._check(self._checks.event(name, data))
        return self._add(SendEvent(name, data))

    def send(self, *messages: JsonObject | bytes) -> "Rule":
        """Send messages as they stand on the wire, such as ``{"event": "STOP"}, {"return": {}}``.

        An event needs no timestamp, a reply no id. Bytes are sent as they are.

        Raises:
            ScriptError: If one is no reply, error or event, or doesn't fit the schema.
        """
        try:
            steps = Messages(*messages).steps
        except ValueError as error:
            raise ScriptError(str(error), str(self.place)) from None
        for each in steps:
            self._check(self.fault_of(each))
            self._add(each)
        return self

    def raw(self, data: bytes) -> "Rule":
        r"""Send bytes as they stand, such as ``b"garbage\n"``: for clients that are to bear it.

        Several may follow each other, with delays between them. If no step answers the command,
        they stand for the reply.
        """
        return self._add(SendBytes(data))

    def delay(self, seconds: float) -> "Rule":
        """Wait before the next step."""
        if not 0 <= seconds < inf:
            raise ScriptError(f"found a delay of {seconds} s, expected 0 or more", str(self.place))
        return self._add(Wait(seconds))

    def hang(self) -> "Rule":
        """Never reply. In-band commands of the same client then wait."""
        return self._add(Hang())

    def close(self) -> "Rule":
        """Close the client's connection; without a reply before, the command gets none."""
        return self._add(Close())

    def call(self, function: Callable[[Call], Any]) -> "Rule":
        """Call a function, which gets the `Call`, and reply with what it returns.

        It runs in the server's thread, so it must not block; it may be async. It returns the return
        value, None for {}, bytes to send as they stand, or `Messages`. It raises `CommandError` to
        answer with an error. If another step answers the command, what it returns is ignored.

        Raises:
            ScriptError: If it isn't a function.
        """
        if not callable(function):
            self._check(f"found {function!r}, expected a function; reply() takes a value")
        return self._add(CallFunction(function))

    def goto(self, state: str) -> "Rule":
        """Enter a state: its name, or ``MACHINE=NAME`` for one of several machines of states."""
        return self._add(Goto(state))

    def times(self, least: int, most: float | None = None) -> "Rule":
        """Answer more than once.

        Args:
            least: How often it must be asked.
            most: How often it may be asked; by default as often as it must be. ``math.inf`` for
                any number.

        Raises:
            ScriptError: If the numbers can't be.
        """
        most = least if most is None else most
        if not 0 <= least <= most or most < 1:
            found = f"found {least} to {most} times, expected at least 0 to at least 1"
            raise ScriptError(found, str(self.place))
        self.least, self.most = least, most
        return self

    def any_times(self) -> "Rule":
        """Answer as often as it is asked, if at all."""
        return self.times(0, inf)

    def _add(self, step: Step) -> "Rule":
        if isinstance(step, SendReply | SendError | Hang) and not self._answers:
            raise ScriptError(
                "found a reply, expected none: this answers no command", str(self.place)
            )
        if isinstance(step, SendReply | SendError | Hang) and self.is_answered:
            raise ScriptError(
                f"found a second answer to {self.name or 'a command'}, expected one: "
                "add another rule for the next time",
                str(self.place),
            )
        self.steps.append(step)
        return self

    # What the script asks

    @property
    def is_answered(self) -> bool:
        """True if a step answers the command, or ends the connection."""
        return any(isinstance(each, _ANSWERS) for each in self.steps)

    @property
    def replies_at_last(self) -> bool:
        """True if its reply is ``{}`` because no step answers the command."""
        others = CallFunction | SendBytes
        return not self.is_answered and not any(isinstance(each, others) for each in self.steps)

    @property
    def is_refusal(self) -> bool:
        """True if it answers with an error."""
        return any(isinstance(each, SendError) for each in self.steps)

    @property
    def is_used_up(self) -> bool:
        """True if it may not be asked again."""
        return self.asked >= self.most

    @property
    def is_satisfied(self) -> bool:
        """True if it was asked as often as it must be."""
        return self.asked >= self.least

    def matches(self, call: Call) -> bool:
        """Return whether the rule is about this command.

        Raises:
            ScriptError: If the function of the program that decides it raises an error.
        """
        return (
            (self.name is None or self.name == call.name)
            and self._matches(call.arguments)
            and (self._where is None or self._holds(self._where, call))
        )

    def _holds(self, where: Callable[[Call], bool], call: Call) -> bool:
        try:
            return bool(where(call))
        except ENDING:
            raise
        except BaseException as error:  # that of pytest.fail() is no Exception
            raise ScriptError(f"where: {type(error).__name__}: {error}", str(self.place)) from error

    def fault_of(self, step: Step, name: str | None = None) -> str | None:
        """Return what the schema has against a step that answers a command."""
        name = name or self.name
        match step:
            case SendReply() if name is not None:
                return self._checks.reply(name, step.value)
            case SendError():
                return self._checks.error(str(step.error["class"]))
            case SendEvent():
                return self._checks.event(step.name, step.data)
            case _:
                return None

    @property
    def reported(self) -> ReportedCommand:
        """The command, its expected arguments and its place, without secrets."""
        return reported(self.name or "any command", self._shown, str(self.place))

    def __str__(self) -> str:
        return str(self.reported)


def json_fault(value: Any) -> str | None:
    """Return why JSON can't hold a value; None if it can."""
    if isinstance(value, bytes | bytearray | memoryview):
        return f"found {type(value).__name__}, expected a value that JSON has; raw() sends bytes"
    try:
        for _ in line_pieces(value):
            pass
    except (TypeError, RecursionError) as error:
        return f"found a value that JSON doesn't have: {error}"
    return None


def _fault_of_object(what: str, value: object) -> str | None:
    """Return what is wrong with a value that must be an object on the wire."""
    if isinstance(value, Mapping):
        return None
    return f"{what}: found {value!r}, expected an object, such as {{'id': 'disk0'}}"


def _pattern(value: Any) -> JsonValue:
    """Return an expected value with QMP's patterns for Python's."""
    match value:
        case re.Pattern():
            return f"{REGEX}{value.pattern}"
        case Mapping():
            return {str(name): _pattern(item) for name, item in value.items()}
        case list() | tuple():
            return [_pattern(item) for item in value]
        case None | bool() | int() | float() | str():
            return value
        case _ if value is ...:
            return ANY
    result: JsonValue = msgspec.to_builtins(value)
    return result


def _opened(value: JsonValue) -> Any:
    """Return an expected value that allows further members in each of its objects."""
    match value:
        case dict():
            return {**{name: _opened(item) for name, item in value.items()}, ANY: ANY}
        case list():
            return [_opened(item) for item in value]
        case _:
            return value
