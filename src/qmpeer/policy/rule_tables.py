"""The tables ``[[rule]]`` of a policy."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final

import msgspec

from qmpeer import limits
from qmpeer.effects import DEADLY_COMMANDS
from qmpeer.policy.condition_tables import read_conditions, read_path
from qmpeer.policy.deadly_inputs import DeadlyInput
from qmpeer.policy.known_names import KnownNames
from qmpeer.policy.rules import (
    ArgumentTest,
    Decision,
    MemberPath,
    Predicate,
    Rate,
    Rule,
    Subject,
    Who,
)
from qmpeer.policy.who_tables import named_who
from qmpeer.toml.items import Item
from qmpeer.values import JsonObject

PRESET: Final = "preset"
_COMMAND, _KIND, _EVENT, _HUMAN = "command", "kind", "event", "human"
_SUBJECTS: Final = (_COMMAND, _KIND, _EVENT, _HUMAN, PRESET)
_CONDITIONS: Final = ("arguments", "when", "size")
_KILLS: Final = "kills"
_ALLOWING: Final = ("unchecked", "force", "blank", "rate")
"""Keys of rules that allow; for any other they would mean nothing."""
_KEYS: Final = ("name", "who", "verdict", *_SUBJECTS, *_CONDITIONS, _KILLS, *_ALLOWING)
_KEYS_OF: Final[Mapping[str, tuple[str, ...]]] = {
    _EVENT: ("name", "who", "verdict", _EVENT),
    _HUMAN: ("name", "who", "verdict", _HUMAN, *_CONDITIONS, "unchecked", "rate"),
    PRESET: ("who", PRESET),
}
"""The keys of rules about something else than commands."""
_OPENING: Final = frozenset({"blockdev-add"})
"""The commands whose files the proxy can open: others take no sets of descriptors for certain."""
_RATE: Final = re.compile(r"([1-9][0-9]{0,8}) ?/ ?(s|min|h)")
_SECONDS: Final = {"s": 1.0, "min": 60.0, "h": 3600.0}
_BLANK: Final = '"image.filename", "*.inserted.image" or "**.filename"'


class RuleReader:
    """Reads the rules of one file.

    Args:
        names: The names that rules may have.
        who: The tables that rules may name.
        read_predicate: Makes a predicate of the item ``when`` and of the commands of its rule; True
            says that these are human-monitor commands.
        read_preset: Gives the rules of the preset in an item.
    """

    def __init__(
        self,
        names: KnownNames,
        who: Mapping[str, Who],
        read_predicate: Callable[[Item, frozenset[str], bool], Predicate],
        read_preset: Callable[[Item], list[Rule]],
    ) -> None:
        self._names = names
        self._who = who
        self._read_predicate = read_predicate
        self._read_preset = read_preset
        self._named: dict[str, str] = {}  # the place of each name

    def read(self, item: Item, number: int) -> list[Rule]:
        """Read one table: a rule, or all rules of a preset.

        Args:
            item: The table.
            number: The number of the rule, from 1.

        Raises:
            PolicyError: If it is wrong.
        """
        keys = item.table(_KEYS)
        subject = _subject(item, keys)
        for key, each in keys.items():
            if key not in _KEYS_OF.get(subject, _KEYS):
                raise each.refused(f"found it beside {subject}, expected none")
        who = named_who(keys["who"], self._who) if "who" in keys else None
        if subject == PRESET:
            rules = self._read_preset(keys[PRESET])
            return [msgspec.structs.replace(rule, who=who) for rule in rules]
        return [self._rule(item, keys, subject, number, who)]

    def _rule(
        self,
        item: Item,
        keys: Mapping[str, Item],
        subject: str,
        number: int,
        who: tuple[Who, ...] | None,
    ) -> Rule:
        decision = _decision(keys, subject)
        names = self._subject_names(keys[subject], subject, decision)
        tests = dict[Item, ArgumentTest]()
        if "arguments" in keys:
            tests = read_conditions(keys["arguments"])
        if _KILLS in keys:
            names = _deadly(keys, names)
        is_human = subject == _HUMAN
        check = self._names.check_human_argument if is_human else self._names.check_argument
        for each, test in tests.items():
            check(each, test.path, names)
            if test.is_opened and names != _OPENING:
                raise each.refused("found open, expected it in a rule about blockdev-add alone")
        return Rule(
            name=self._name(keys.get("name"), number),
            place=str(item.place),
            who=who,
            subject={_EVENT: Subject.EVENT, _HUMAN: Subject.HUMAN}.get(subject, Subject.COMMAND),
            names=names,
            decision=decision,
            tests=tuple(tests.values()),
            predicate=self._predicate(keys, names),
            is_unchecked="unchecked" in keys and keys["unchecked"].flag(),
            force=self._force(keys["force"], names) if "force" in keys else None,
            blank=_blank(keys["blank"]) if "blank" in keys else (),
            rate=_rate(keys["rate"]) if "rate" in keys else None,
            size=keys["size"].integer(least=2) if "size" in keys else None,
        )

    def _predicate(self, keys: Mapping[str, Item], names: frozenset[str]) -> Predicate | None:
        if _KILLS in keys:
            return DeadlyInput()
        when = keys.get("when")
        return None if when is None else self._read_predicate(when, names, _HUMAN in keys)

    def _name(self, item: Item | None, number: int) -> str:
        if item is None:
            return str(number)
        name = item.text()
        if not name.isprintable() or not 0 < len(name) <= limits.POLICY_NAME:
            raise item.refused(f"expected 1 to {limits.POLICY_NAME} printable characters")
        if name in self._named:
            raise item.refused(f'found "{name}" again, which is at {self._named[name]}, too')
        self._named[name] = str(item.place)
        return name

    def _subject_names(self, item: Item, subject: str, decision: Decision) -> frozenset[str]:
        items = item.one_or_more()
        if subject == _COMMAND:
            return self._names.command_names(items)
        if subject == _KIND:
            return self._names.commands_of_kind(items, decision)
        return (self._names.event_names if subject == _EVENT else self._names.human_names)(items)

    def _force(self, item: Item, names: frozenset[str]) -> JsonObject:
        force = item.json_object()
        for each, path in _leaves(item, ()):
            self._names.check_argument(each, path, names)
        if not force:
            raise item.refused("found no argument, expected one, such as force.persistent = false")
        return force


def _leaves(item: Item, path: MemberPath) -> Iterator[tuple[Item, MemberPath]]:
    """Give all values in a table that are no tables, with their paths in it."""
    if isinstance(item.value, dict):
        for each in item.any_table().values():
            yield from _leaves(each, (*path, each.key))
    else:
        yield item, path


def _deadly(keys: Mapping[str, Item], names: frozenset[str]) -> frozenset[str]:
    """Return the commands of a rule that have inputs which kill a release."""
    kills = keys[_KILLS]
    if not kills.flag():
        raise kills.refused("found false, expected true, or the key left out")
    if "when" in keys:
        raise kills.refused("found it beside when, expected one of both")
    if not names & DEADLY_COMMANDS:
        raise kills.refused("found no command that has a deadly input, expected one")
    return names & DEADLY_COMMANDS


def _subject(item: Item, keys: Mapping[str, Item]) -> str:
    """Return the key that says what a rule is about."""
    found = [key for key in _SUBJECTS if key in keys]
    if len(found) == 1:
        return found[0]
    if not found:
        raise item.refused(f"found none of {', '.join(_SUBJECTS)}, expected one")
    raise keys[found[1]].refused(f"found it beside {found[0]}, expected one of both")


def _decision(keys: Mapping[str, Item], subject: str) -> Decision:
    item = keys.get("verdict")
    if item is None:
        return Decision.ALLOW
    choice = ("allow", "deny") if subject == _EVENT else tuple(each.value for each in Decision)
    decision = Decision(item.text(*choice))
    for key in _ALLOWING if decision is not Decision.ALLOW else ():
        if key in keys:
            text = f'found it with verdict = "{decision.value}", expected it in an allow rule'
            raise keys[key].refused(text)
    return decision


def _rate(item: Item) -> Rate:
    found = _RATE.fullmatch(item.text())
    if found is None:
        raise item.wrong('a number of commands and a time, such as "10/s", "60/min" or "5/h"')
    return Rate(int(found[1]), _SECONDS[found[2]])


def _blank(item: Item) -> tuple[MemberPath, ...]:
    return tuple(read_path(each, each.text(), _BLANK) for each in item.one_or_more())
