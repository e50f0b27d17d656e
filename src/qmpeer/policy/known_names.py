"""The names that a rule may have: commands, events, human-monitor commands, and the arguments.

They are those of the tables, of the policy's own commands and events, and of a schema, if there is
one. A pattern stands for the known names that it fits, so it never takes a command that nobody has
reviewed.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Final

from qmpeer.effects import CommandEffects, Effect, all_names, effects_of
from qmpeer.messages.globs import Glob
from qmpeer.policy.argument_names import Names, knows_argument, near_argument, read_table
from qmpeer.policy.event_names import EVENTS
from qmpeer.policy.human import HUMAN_MONITOR_COMMAND
from qmpeer.policy.mistakes import did_you_mean
from qmpeer.policy.rules import Decision, MemberPath
from qmpeer.toml.items import Item

if TYPE_CHECKING:
    from qmpeer.schema import Schema

_HUMAN_RULES: Final = (
    f"found {HUMAN_MONITOR_COMMAND}, which rules with human = … are about, "
    'such as human = ["info block"]'
)


class KnownNames:
    """The names that rules may have.

    Args:
        own: The effects of commands that the table doesn't have.
        own_events: Events that the table doesn't have.
        schema: The server's schema, whose events and arguments are known, too.
    """

    def __init__(
        self,
        own: Mapping[str, CommandEffects],
        own_events: Collection[str] = (),
        schema: "Schema | None" = None,
    ) -> None:
        self._own = own
        self.commands: frozenset[str] = frozenset(all_names() | own.keys())
        self.events: frozenset[str] = EVENTS | frozenset(own_events)
        self._arguments: Names | None = None
        if schema is not None:
            from qmpeer.policy.schema_names import add_schema, event_names  # start: 30 ms

            self.events |= event_names(schema)
            self._arguments = read_table()
            add_schema(self._arguments, schema)

    @cached_property
    def human_commands(self) -> frozenset[str]:
        """The human-monitor commands."""
        from qmpeer.effects import all_human_names  # start: 15 ms

        return all_human_names()

    def command_names(self, items: Iterable[Item]) -> frozenset[str]:
        """Read names and patterns of commands.

        Raises:
            PolicyError: If there is no such command.
        """
        found: set[str] = set()
        for item in items:
            if item.text() == HUMAN_MONITOR_COMMAND:
                raise item.refused(_HUMAN_RULES)
            fitting = _fitting(item, self.commands, "command") - {HUMAN_MONITOR_COMMAND}
            if not fitting:
                raise item.refused(_HUMAN_RULES)
            found |= fitting
        return frozenset(found)

    def commands_of_kind(self, items: Sequence[Item], decision: Decision) -> frozenset[str]:
        """Return the commands of some kinds.

        An allow rule takes a command if all of its effects are listed, any other if one is.

        Raises:
            PolicyError: If there is no such kind, or no such command.
        """
        kinds = {Effect(item.text(*Effect)) for item in items}
        takes = kinds.issuperset if decision is Decision.ALLOW else _shares(kinds)
        commands = {
            name: self._effects(name) for name in self.commands if name != HUMAN_MONITOR_COMMAND
        }
        found = frozenset(name for name, effects in commands.items() if takes(effects))
        if not found:
            more = (each for each in commands.values() if each > kinds)
            fewest = min(more, key=len, default=frozenset(Effect))
            example = ", ".join(sorted(fewest))
            text = f"no command has only these effects, expected more, such as {example}"
            raise items[0].refused(text)
        return found

    def event_names(self, items: Iterable[Item]) -> frozenset[str]:
        """Read names and patterns of events.

        Raises:
            PolicyError: If there is no such event.
        """
        return frozenset().union(*(_fitting(item, self.events, "event") for item in items))

    def human_names(self, items: Iterable[Item]) -> frozenset[str]:
        """Read names and patterns of human-monitor commands.

        Raises:
            PolicyError: If there is no such command.
        """
        known = self.human_commands
        found = (_fitting(item, known, "human-monitor command") for item in items)
        return frozenset().union(*found)

    def check_argument(self, item: Item, path: MemberPath, commands: Collection[str]) -> None:
        """Refuse an argument that none of some commands has.

        Raises:
            PolicyError: If that is so.
        """
        if any(
            each in self._own or knows_argument(each, path, self._arguments) for each in commands
        ):
            return
        one = min(commands)
        whose = one if len(commands) == 1 else f"none of these {len(commands)} commands"
        near = near_argument(commands, path, self._arguments)
        hint = f"; did you mean {near}?" if near else ""
        verb = "has no" if len(commands) == 1 else "has an"
        raise item.refused(f"{whose} {verb} argument {'.'.join(path)}{hint}")

    def check_human_argument(self, item: Item, path: MemberPath, commands: Collection[str]) -> None:
        """Refuse an argument that none of some human-monitor commands has.

        Raises:
            PolicyError: If that is so.
        """
        from qmpeer.effects import human_argument_names  # start: 15 ms

        known: set[str] = {"cpu-index"}
        for each in commands:
            names = human_argument_names(each)
            if names is None:
                return  # its options have any names
            known |= names
        if not path or path[0] not in known:
            whose = min(commands) if len(commands) == 1 else "none of these human-monitor commands"
            verb = "has no" if len(commands) == 1 else "has an"
            name = path[0] if path else '""'
            raise item.refused(f"{whose} {verb} argument {name}{did_you_mean(name, known)}")

    def _effects(self, name: str) -> frozenset[Effect]:
        effects = self._own.get(name) or effects_of(name)
        assert effects is not None, "the name is known"
        return effects.effects


def _shares(kinds: set[Effect]) -> Callable[[frozenset[Effect]], bool]:
    return lambda effects: not kinds.isdisjoint(effects)


def _fitting(item: Item, known: frozenset[str], what: str) -> frozenset[str]:
    """Return the known names that a name or a pattern stands for."""
    glob = Glob(item.text())
    if glob.is_name:
        if glob.text in known:
            return frozenset({glob.text})
        hint = did_you_mean(glob.text, known)
        raise item.refused(f'found "{glob.text}", which is no known {what}{hint}')
    found = _all_fitting(glob, known)
    if not found:
        raise item.refused(f'found "{glob.text}", which fits no known {what}')
    return found


@lru_cache(maxsize=256)  # policies use the same few patterns in many rules
def _all_fitting(glob: Glob, known: frozenset[str]) -> frozenset[str]:
    return frozenset(filter(glob, known))
