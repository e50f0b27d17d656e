"""The witness: what a server was seen to do that matters once it has gone."""

from collections.abc import Iterable
from typing import Final

from qmpeer import limits
from qmpeer.messages import CommandMessage, Event, Greeting
from qmpeer.values import JsonObject

COMMANDS: Final = frozenset(("quit", "migrate-set-capabilities"))
"""The commands whose success is worth telling the witness."""
_EVENTS: Final = frozenset(("SHUTDOWN", "RESET", "RESUME"))


class Witness:
    """The witness of one server, from its greeting to its end.

    Args:
        greeting: The server's greeting.
        capabilities: The capabilities that clients may enable.

    Attributes:
        is_ending: True once the server has said that it ends, by the event SHUTDOWN or by the
            answer to quit. [With -no-shutdown it may run again: RESET or RESUME shows that.]
    """

    __slots__ = ("_capabilities", "_greeting", "_left_behind", "_migration", "is_ending")

    def __init__(self, greeting: Greeting | None, capabilities: tuple[str, ...]) -> None:
        self.is_ending: bool = False
        self._greeting = greeting
        self._capabilities = capabilities
        self._migration: dict[str, None] = {}  # the migration capabilities that were enabled
        self._left_behind: list[JsonObject] = []

    def took_place(self, events: Iterable[Event]) -> None:
        """Look at events."""
        for event in events:
            if event.name in _EVENTS:
                self.is_ending = event.name == "SHUTDOWN"

    def executed(self, command: CommandMessage) -> None:
        """Look at a command that has succeeded, one of `COMMANDS`."""
        if command.name == "quit":
            self.is_ending = True
            return
        wanted = (command.arguments or {}).get("capabilities")
        for item in wanted if isinstance(wanted, list) else ():
            if isinstance(item, dict) and isinstance(name := item.get("capability"), str):
                if item.get("state") is not True:
                    self._migration.pop(name, None)
                elif len(self._migration) < limits.MEMBERS:
                    self._migration[name] = None

    def leave_behind(self, kind: str, names: Iterable[str]) -> None:
        """Note what clients gave to this server, and what another one won't have.

        Args:
            kind: One of QmpeerNotRestoredKind, in qapi/server-events.json.
            names: The names by which they know it.
        """
        self._left_behind += _items(kind, names)

    @property
    def version(self) -> str | None:
        """The server's version, such as "7.2.22 (Debian 1:7.2+dfsg-7)"; None if it has none."""
        version = None if self._greeting is None else self._greeting.version
        if version is None:
            return None
        number = f"{version.qemu.major}.{version.qemu.minor}.{version.qemu.micro}"
        package = version.package.strip(" ()")
        return f"{number} ({package})" if package else number

    def back(self, following: "Witness") -> JsonObject:
        """Return the data of the event that tells clients that there is a server again.

        Args:
            following: The witness of that server.
        """
        data: JsonObject = {"same-version": self.version == following.version}
        if following.version is not None:
            data["version"] = following.version
        lost = [name for name in self._capabilities if name not in following._capabilities]
        data["not-restored"] = [
            *_items("capability", lost),
            *_items("migration-capability", self._migration),
            *self._left_behind,
        ]
        return data


def _items(kind: str, names: Iterable[str]) -> list[JsonObject]:
    return [{"kind": kind, "name": name} for name in names]
