"""A script: the rules, which of them answers a command, and what doesn't fit.

Theory of operation. A command is looked up in this order:

1. the expectations (`expect`), which are met in the order in which they were written;
2. the rules (`on`), the oldest first that is about the command, holds in the current state, and may
   still be asked;
3. the ready behaviours, unless a rule about the command is used up: what is used up falls through
   to nothing;
4. the rule for every command (`otherwise`);
5. what every client may ask: query-version, query-commands, query-qmp-schema.

A command that none of these answers is a mismatch. Time comes in as an argument. All methods may be
called from any thread.
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from math import inf
from threading import RLock
from typing import Any, Final

import msgspec

from qmpeer import limits
from qmpeer.errors import ScriptError
from qmpeer.messages import CAPABILITIES_COMMAND, CommandMessage, Version, version_value
from qmpeer.messages.qemu_texts import no_oob, unexpected, unknown_command
from qmpeer.replay.differences import nearest
from qmpeer.script.calls import Call, Calls
from qmpeer.script.checks import NO_CHECKS, Checks
from qmpeer.script.mismatches import Kind, Mismatch, asked_text, times_text
from qmpeer.script.places import calling_place
from qmpeer.script.rules import Rule, json_fault
from qmpeer.script.states import START, States, split_state
from qmpeer.script.steps import Goto, SendError, SendEvent, SendReply, Step
from qmpeer.toml.place import Place
from qmpeer.values import JsonObject, JsonValue

_SCHEMA_COMMAND: Final = "query-qmp-schema"


class Script:
    """The rules of a scripted server, its states, its calls, and its mismatches.

    Args:
        checks: The checks against a schema.
        version: What query-version returns if no rule answers it; None for a guest agent.
    """

    def __init__(self, checks: Checks = NO_CHECKS, version: Version | None = None) -> None:
        self.checks: Checks = checks
        self._version = version
        self._lock = RLock()
        self._states = States()
        self._expected: list[Rule] = []
        self._rules: list[Rule] = []
        self._ready: list[Rule] = []
        self._otherwise: Rule | None = None
        self._openings: list[Rule] = []
        self._after: list[tuple[float, Rule]] = []
        self._timers: list[tuple[float, Rule]] = []
        self._calls: deque[Call] = deque(maxlen=limits.SCRIPT_CALLS)
        self._mismatches: list[Mismatch] = []
        self._uncounted = 0  # mismatches beyond the limit

    # Writing the script

    def on(
        self,
        command: str | None,
        arguments: Mapping[str, Any] | None = None,
        *,
        state: str | None = None,
        exact: bool = False,
        where: Callable[[Call], bool] | None = None,
        place: Place | None = None,
    ) -> Rule:
        """Add a rule for a command.

        Args:
            command: The command's name; None for any command.
            arguments: Some of its arguments; others may come too. Values may be patterns: ``...``
                or ``"$any"`` for any value, ``re.compile("…")`` or ``"$regex:…"`` for a text that
                matches as a whole.
            state: The state in which it holds; by default in all.
            exact: Allow no other arguments.
            where: Returns whether it is about a call.
            place: Where the rule stands; by default the line that calls this.

        Raises:
            ScriptError: If the schema has no such command or arguments, or a pattern can't be used.
        """
        rule = self._rule(command, arguments, state=state, is_exact=exact, where=where, place=place)
        with self._lock:
            self._rules.append(rule)
        return rule

    def expect(
        self,
        command: str | None,
        arguments: Mapping[str, Any] | None = None,
        *,
        exact: bool = False,
        where: Callable[[Call], bool] | None = None,
        place: Place | None = None,
    ) -> Rule:
        """Add an expectation: expectations are to be met in the order in which they are added.

        Commands that only other rules answer may come in between. The arguments are those of `on`.

        Raises:
            ScriptError: As for `on`.
        """
        rule = self._rule(command, arguments, is_exact=exact, where=where, place=place)
        with self._lock:
            self._expected.append(rule)
        return rule

    def otherwise(self, *, place: Place | None = None) -> Rule:
        """Return a new rule for every command that nothing else answers, any number of times."""
        rule = self._rule(None, None, place=place).any_times()
        with self._lock:
            self._otherwise = rule
        return rule

    def ready_rule(
        self,
        command: str,
        arguments: Mapping[str, Any] | None = None,
        *,
        state: str | None = None,
        where: Callable[[Call], bool] | None = None,
    ) -> Rule:
        """Add a rule of a ready behaviour: it may be asked any number of times.

        Rules of the script go first, and of behaviours the one that was added last.
        """
        rule = self._rule(command, arguments, state=state, where=where).any_times()
        with self._lock:
            self._ready.insert(0, rule)
        return rule

    def when_ready(self, *, place: Place | None = None) -> Rule:
        """Add steps that happen whenever a client has negotiated."""
        rule = self._rule(None, None, place=place, answers=False).any_times()
        with self._lock:
            self._openings.append(rule)
        return rule

    def after(
        self, seconds: float, *, state: str | None = None, place: Place | None = None
    ) -> Rule:
        """Add steps that happen some time after a state was entered, unless it was left before.

        Args:
            seconds: The time.
            state: The state; None for the start of the server.
            place: Where this stands; by default the line that calls this.

        Raises:
            ScriptError: If the time is negative, or infinite.
        """
        rule = self._rule(None, None, state=state, place=place, answers=False).any_times()
        if not 0 <= seconds < inf:
            raise ScriptError(f"found {seconds} seconds, expected 0 or more", str(rule.place))
        with self._lock:
            self._after.append((seconds, rule))
        return rule

    def _rule(self, command: str | None, arguments: Mapping[str, Any] | None, **more: Any) -> Rule:
        place = more.pop("place", None) or calling_place()
        with self._lock:
            count = len(self._rules) + len(self._expected) + len(self._ready)
        if count >= limits.SCRIPT_RULES:
            reason = f"found more than {limits.SCRIPT_RULES} rules, expected fewer"
            raise ScriptError(reason, str(place))
        return Rule(command, arguments, place=place, checks=self.checks, **more)

    # States

    def state(self, machine: str = "") -> str:
        """Return the current state of a machine of states."""
        with self._lock:
            return self._states[machine]

    def begin(self, now: float) -> None:
        """Begin the times of `after`."""
        with self._lock:
            self._arm(now, lambda rule: rule.state is None or self._states.are_in(rule.state))

    @property
    def state_names(self) -> set[str]:
        """All states that the script names, written as there, and where it begins."""
        with self._lock:
            rules = (*self._rules, *self._ready, *(rule for _, rule in self._after))
            steps = (step for each in self._all_rules() for step in each.steps)
            entered = {step.state for step in steps if isinstance(step, Goto)}
            return {START, *entered, *(each.state for each in rules if each.state is not None)}

    def _all_rules(self) -> Iterator[Rule]:
        yield from (*self._expected, *self._rules, *self._ready, *self._openings)
        yield from (rule for _, rule in self._after)
        if self._otherwise is not None:
            yield self._otherwise

    def reset(self, now: float) -> None:
        """Begin anew: nothing was asked, and all states and times are those of the start.

        Ready behaviours keep what they know.
        """
        with self._lock:
            for rule in self._all_rules():
                rule.asked = 0
            self._states = States()
            self._calls.clear()
            self._mismatches.clear()
            self._uncounted = 0
            self._timers.clear()
            self.begin(now)

    def goto(self, state: str, now: float) -> None:
        """Enter a state."""
        with self._lock:
            self._states.enter(state)
            self._timers = [each for each in self._timers if self._states.are_in(each[1].state)]
            self._timers = [each for each in self._timers if each[1].state != state]
            self._arm(now, lambda rule: rule.state == state)

    def _arm(self, now: float, is_meant: Callable[[Rule], bool]) -> None:
        for seconds, rule in self._after:
            if is_meant(rule):
                self._timers.append((now + seconds, rule))
        self._timers.sort(key=lambda each: each[0])

    @property
    def next_due(self) -> float | None:
        """The time at which `due` has something; None if it never has."""
        with self._lock:
            return self._timers[0][0] if self._timers else None

    def due(self, now: float) -> Rule | None:
        """Return steps that are due, each once."""
        with self._lock:
            if self._timers and self._timers[0][0] <= now:
                return self._timers.pop(0)[1]
            return None

    # What happens

    @property
    def openings(self) -> list[Rule]:
        """The steps for a client that has negotiated."""
        with self._lock:
            return list(self._openings)

    @property
    def calls(self) -> Calls:
        """The commands that came."""
        with self._lock:
            return Calls(self._calls)

    def ask(self, call: Call) -> Rule | Sequence[Step]:
        """Return the rule that answers a command, or the steps if none does; keep mismatches."""
        with self._lock:
            self._calls.append(call)
            try:
                rule = self._find(call)
                if rule is None:
                    return self._answer_without_rule(call)
            except ScriptError as error:  # a function of the program that chooses has failed
                self.add(Mismatch(Kind.FAILED, call.reported, note=str(error)))
                desc = f"Internal error in {call.name}: {error.reason}"
                return [SendError({"class": "GenericError", "desc": desc})]
            if (steps := self._refusal_by_schema(call, rule)) is not None:
                return steps
            rule.asked += 1
            return rule

    def _refusal_by_schema(self, call: Call, rule: Rule) -> Sequence[Step] | None:
        """Return QEMU's refusal of a command that its schema doesn't allow; None if it does."""
        if (fault := self.checks.command(call.name)) is not None:  # a rule for every command
            self.add(Mismatch(Kind.DRIFT, call.reported, rule.reported, note=fault))
            return [SendError({"class": "CommandNotFound", "desc": unknown_command(call.name)})]
        if rule.is_refusal:
            return None
        if (fault := self._fault_of_call(call)) is not None:
            self.add(Mismatch(Kind.DRIFT, call.reported, rule.reported, note=fault))
            return [SendError({"class": "GenericError", "desc": fault})]
        if (fault := self.checks.deprecation(call.name, call.arguments)) is not None:
            self.add(Mismatch(Kind.DEPRECATED, call.reported, note=fault))
        if (fault := self._fault_of_answer(call, rule)) is not None:
            self.add(Mismatch(Kind.DRIFT, call.reported, rule.reported, note=fault))
        return None

    def _fault_of_call(self, call: Call) -> str | None:
        """Return what the schema has against a command that exists, in QEMU's words."""
        if call.is_oob and (fault := self.checks.oob(call.name)) is not None:
            return fault
        return self.checks.arguments(call.name, call.arguments)

    def _fault_of_answer(self, call: Call, rule: Rule) -> str | None:
        """Return what the schema has against an answer that was written for any command, or not."""
        if rule.replies_at_last:
            return self.checks.reply(call.name, {})
        if rule.name is None:
            faults = (rule.fault_of(step, call.name) for step in rule.steps)
            return next(filter(None, faults), None)
        return None

    def _answer_without_rule(self, call: Call) -> Sequence[Step]:
        rules = (*self._rules, *self._expected)
        about = [each for each in rules if each.matches(call)]
        if not about and (value := self._known_answer(call.name)) is not None:
            if (fault := self._fault_of_question(call)) is not None:
                self.add(Mismatch(Kind.DRIFT, call.reported, note=fault))
                return [SendError({"class": "GenericError", "desc": fault})]
            return [SendReply(value)]
        if about:
            self.add(self._refusal(call, about))
        elif call.name != _SCHEMA_COMMAND:  # QEMU has it since 2.5, and clients ask for it
            self.add(self._unexpected(call))
        has_name = any(each.name == call.name for each in rules)
        desc = unknown_command(call.name) + " in the script" * has_name
        return [SendError({"class": "CommandNotFound", "desc": desc})]

    def _fault_of_question(self, call: Call) -> str | None:
        """Return what is wrong with what every client may ask: it takes no arguments."""
        if call.is_oob:
            return no_oob(call.name)
        return next(map(unexpected, call.arguments), None)

    def event(self, name: str, data: JsonObject | None) -> SendEvent:
        """Return the step of an event that the program emits.

        Raises:
            ScriptError: If the schema has no such event, or other data, or JSON can't hold it.
        """
        if (fault := json_fault(data) or self.checks.event(name, data)) is not None:
            raise ScriptError(fault, str(calling_place()))
        return SendEvent(name, data)

    def add(self, mismatch: Mismatch) -> Mismatch:
        """Keep a mismatch."""
        with self._lock:
            if len(self._mismatches) < limits.SCRIPT_MISMATCHES:
                self._mismatches.append(mismatch)
            else:
                self._uncounted += 1
        return mismatch

    def _find(self, call: Call) -> Rule | None:
        """Return the rule that answers a command."""
        if (expected := self._next_expected(call)) is not None:
            return expected
        about = [each for each in self._rules if each.matches(call)]
        for rule in about:
            if not rule.is_used_up and self._states.are_in(rule.state):
                return rule
        if about or any(each.matches(call) for each in self._expected):
            return None
        for rule in self._ready:
            if self._states.are_in(rule.state) and rule.matches(call):
                return rule
        return self._otherwise

    def _next_expected(self, call: Call) -> Rule | None:
        """Return the next expectation if the command meets it."""
        for rule in self._expected:
            if not rule.is_used_up and rule.matches(call):
                return rule
            if not rule.is_satisfied:
                return None
        return None

    def _refusal(self, call: Call, about: list[Rule]) -> Mismatch:
        """Return why the rules about a command don't answer it."""
        asked = call.reported
        for rule in about:
            if not self._states.are_in(rule.state):
                machine, name = split_state(rule.state or "")
                note = f"expected in the state {name}, the state is {self._states[machine]}"
                return Mismatch(Kind.UNEXPECTED, asked, rule.reported, note=note)
        for rule in about:
            if not rule.is_used_up:
                first = next(each for each in self._expected if not each.is_satisfied)
                note = f"expected first: {first}"
                return Mismatch(Kind.OUT_OF_ORDER, asked, rule.reported, note=note)
        most = sum(each.most for each in about)
        note = f"expected {times_text(int(most), most)}"
        return Mismatch(Kind.TOO_OFTEN, asked, about[-1].reported, note=note)

    def _unexpected(self, call: Call) -> Mismatch:
        asked = call.reported
        if (fault := self.checks.command(call.name)) is not None:
            return Mismatch(Kind.UNEXPECTED, asked, note=fault)
        message = CommandMessage(call.name, call.arguments)
        found = nearest(message, [*self._rules, *self._expected])
        if found is None:
            return Mismatch(Kind.UNEXPECTED, asked, note="the script has no rule for it")
        same = found.exchange.name == call.name
        differences = found.differences if same else ()
        return Mismatch(Kind.UNEXPECTED, asked, found.exchange.reported, differences)

    # The outcome

    @property
    def mismatches(self) -> tuple[Mismatch, ...]:
        """What doesn't fit so far, in order; rules that weren't met are not among them."""
        with self._lock:
            return tuple(self._mismatches)

    def outcome(self) -> tuple[Mismatch, ...]:
        """Return what doesn't fit, rules that weren't met included, as if no more came."""
        with self._lock:
            found = [*self._mismatches, *self._not_met()]
            most = limits.SCRIPT_MISMATCHES
            if more := self._uncounted + max(0, len(found) - most):
                found[most - 1] = msgspec.structs.replace(found[most - 1], more=more)
            return tuple(found[:most])

    def _not_met(self) -> Iterator[Mismatch]:
        for rule in (*self._expected, *self._rules):
            if not rule.is_satisfied:
                note = f"{asked_text(rule.asked)}, expected {times_text(rule.least, rule.most)}"
                yield Mismatch(Kind.NOT_MET, rule.reported, note=note)

    def _known_answer(self, name: str) -> JsonValue:
        """Return what every client may ask; None for anything else, and for an unknown schema."""
        match name:
            case "query-version" if self._version is not None:
                return version_value(self._version)
            case "query-commands":
                names = self.checks.command_names() or sorted(self._names())
                return [{"name": each} for each in names]
            case "query-qmp-schema":
                return self.checks.introspection()
            case _:
                return None

    def _names(self) -> set[str]:
        rules = (*self._rules, *self._expected, *self._ready)
        own = {each.name for each in rules if each.name is not None}
        return own | {CAPABILITIES_COMMAND, "query-version", "query-commands"}
