"""The rules of a policy, as they are once its file is read.

A rule says who it is about, what it is about, on which conditions it holds, and what happens then.
The first rule that holds decides; a command that no rule takes is denied.
"""

from collections.abc import Callable, Sequence
from enum import Enum
from typing import Protocol, TypeAlias

import msgspec

from qmpeer.values import JsonObject, JsonValue

MemberPath: TypeAlias = tuple[str, ...]
"""The way to a member of the arguments: names; "*" is each element of a list."""


class Subject(Enum):
    """The kinds of things that a rule can be about."""

    COMMAND = "command"
    EVENT = "event"
    HUMAN = "human"


class Decision(Enum):
    """The decision of a rule about a command that it takes."""

    ALLOW = "allow"
    DENY = "deny"
    HIDE = "hide"


class PolicyClient(msgspec.Struct, frozen=True, kw_only=True):
    """A client as rules see it: what the kernel, TLS and the proxy vouch for.

    Attributes:
        listener: The name of the listener that it came in by.
        uid: The user of the process that connected to a unix socket.
        gid: Its group.
        certificate: The distinguished name in its certificate.
    """

    listener: str = ""
    uid: int | None = None
    gid: int | None = None
    certificate: str | None = None


class Who(msgspec.Struct, frozen=True, kw_only=True):
    """A description of clients: each condition that is there must hold.

    Attributes:
        name: Its name in the policy.
        listeners: Tests of the listener's name; one must hold. None for any listener.
        uids: The users.
        gids: The groups.
        certificates: Tests of the name in the certificate.
    """

    name: str
    listeners: tuple[Callable[[str], bool], ...] | None = None
    uids: frozenset[int] | None = None
    gids: frozenset[int] | None = None
    certificates: tuple[Callable[[str], bool], ...] | None = None

    def describes(self, client: PolicyClient) -> bool:
        """Return True if the client is one of these."""
        name = client.certificate
        return (
            (self.listeners is None or any(test(client.listener) for test in self.listeners))
            and (self.uids is None or client.uid in self.uids)
            and (self.gids is None or client.gid in self.gids)
            and (
                self.certificates is None
                or (name is not None and any(test(name) for test in self.certificates))
            )
        )


class CannotTell(str):
    """The reason why a condition can't be judged.

    An allow rule then doesn't take the command; a deny or hide rule does.
    """

    __slots__ = ()


class Facts(Protocol):
    """The facts about the host and the server that a judgement may ask for."""

    def under(self, path: str, folder: str) -> str | None:
        """Return None if the server would open a path under a folder, and else why it wouldn't.

        Links, ``..`` and the server's own root are resolved first.

        Raises:
            ValueError: If that can't be judged, with the reason.
        """

    def node_file(self, name: str) -> str | None:
        """Return the file of a block node or device as last known; None if it has none."""

    def node_driver(self, name: str) -> str | None:
        """Return the driver of a block node as last known; None if there is no such node."""

    def head(self, path: str, size: int) -> bytes | None:
        """Return the first bytes of one of the server's files; None if there is none.

        Raises:
            ValueError: If it can't be read, with the reason.
        """

    def owns_fd_set(self, number: int) -> bool:
        """Return True if a set of descriptors is this client's own."""


class ArgumentTest(Protocol):
    """A condition on one member of the arguments."""

    @property
    def path(self) -> MemberPath:
        """The member."""

    @property
    def covers_below(self) -> bool:
        """True if it also rules on everything inside the member."""

    @property
    def needs_nodes(self) -> bool:
        """True if it asks for the files of nodes."""

    @property
    def is_opened(self) -> bool:
        """True if the proxy opens the files in it, and the server gets sets of descriptors."""

    def failure(self, arguments: JsonObject, facts: Facts) -> str | None:
        """Return why the condition doesn't hold: "found …, expected …"; None if it does."""


class Predicate(Protocol):
    """A condition on all arguments together."""

    @property
    def mentions(self) -> Sequence[MemberPath]:
        """The members that it reads, and so rules on."""

    @property
    def needs_nodes(self) -> bool:
        """True if it asks for the files of nodes."""

    def failure(
        self, command: str, arguments: JsonObject, client: PolicyClient, facts: Facts
    ) -> str | None:
        """Return why it doesn't hold, or why it can't be evaluated; None if it holds."""


class Rate(msgspec.Struct, frozen=True):
    """A limit of a client's commands.

    Attributes:
        count: The commands.
        seconds: The time in which there may be so many.
    """

    count: int
    seconds: float


class Rule(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """One rule.

    Attributes:
        name: Its name, for errors and records.
        place: Where it stands, such as policy.toml:12:1.
        who: Whom it is about: one of these; None for everybody.
        subject: What the names are those of.
        names: The commands, events or human-monitor commands that it is about, patterns resolved.
        decision: What it decides.
        tests: The conditions on members; all must hold.
        predicate: A further condition.
        is_unchecked: True if an allow rule also takes commands with sensitive members that no
            condition tests.
        force: Arguments that replace or join those of the command.
        blank: The members of the reply that are blanked: paths, in which "*" stands for one member
            or element, and "**" for any number.
        rate: How often it allows; a further command is denied.
        size: The most bytes that the arguments may have as JSON.
    """

    name: str
    place: str = ""
    who: tuple[Who, ...] | None = None
    subject: Subject = Subject.COMMAND
    names: frozenset[str]
    decision: Decision = Decision.ALLOW
    tests: tuple[ArgumentTest, ...] = ()
    predicate: Predicate | None = None
    is_unchecked: bool = False
    force: JsonObject | None = None
    blank: tuple[MemberPath, ...] = ()
    rate: Rate | None = None
    size: int | None = None

    def is_about(self, client: PolicyClient) -> bool:
        """Return True if the rule is about this client."""
        return self.who is None or any(each.describes(client) for each in self.who)

    @property
    def is_unconditional(self) -> bool:
        """True if it takes each command of these names."""
        return not self.tests and self.predicate is None and self.size is None

    @property
    def opened(self) -> Sequence[MemberPath]:
        """The members whose files the proxy opens."""
        return tuple(test.path for test in self.tests if test.is_opened)

    @property
    def needs_nodes(self) -> bool:
        """True if it asks for the files of nodes, or lets the proxy open some."""
        if self.opened:
            return True
        tests: tuple[ArgumentTest | Predicate, ...] = self.tests
        if self.predicate is not None:
            tests = (*tests, self.predicate)
        return any(each.needs_nodes for each in tests)

    @property
    def ruled_on(self) -> Sequence[tuple[MemberPath, bool]]:
        """The members that it rules on, each with True if that holds for everything inside."""
        return (
            *((test.path, test.covers_below) for test in self.tests),
            *((path, False) for path in (self.predicate.mentions if self.predicate else ())),
            *((path, True) for path in _leaves(self.force or {}, ())),
        )


def _leaves(value: JsonObject, path: MemberPath) -> Sequence[MemberPath]:
    """Return the paths of all values that aren't objects."""
    found: list[MemberPath] = []
    for name, inner in value.items():
        below = (*path, name)
        found.extend(_leaves(inner, below) if isinstance(inner, dict) and inner else [below])
    return found


def with_forced(arguments: JsonObject, force: JsonObject) -> JsonObject:
    """Return arguments with others forced in; inner objects are merged.

    Example:
        >>> with_forced({"a": 1, "b": {"c": 2}}, {"b": {"d": 3}})
        {'a': 1, 'b': {'c': 2, 'd': 3}}
    """
    merged: dict[str, JsonValue] = dict(arguments)
    for name, value in force.items():
        there = merged.get(name)
        if isinstance(value, dict) and isinstance(there, dict):
            value = with_forced(there, value)
        merged[name] = value
    return merged
