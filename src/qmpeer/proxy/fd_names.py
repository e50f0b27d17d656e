"""The names of descriptors: which client passed what, by getfd.

The server has one table of names for all clients, and they outlive the client. A name is *loose*
after a command that has probably used it up: then another client may pass a descriptor by that
name.

All checks are made when a command is sent. The server executes in-band commands in the order in
which they were sent, so what was true then is true when they are executed.

Spec: QEMU 7.2: a name that getfd passes again gets the new descriptor, and the old one is closed;
a command that uses a descriptor takes it out of the table, in most cases also if it fails.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from qmpeer import limits
from qmpeer.proxy.own_requests import OwnRequests
from qmpeer.proxy.request import Holder, Requester
from qmpeer.values import JsonValue

_MEMBERS: Final = ("fdname", "str")
_ENDINGS: Final = ("fd", "fds")
_PREFIX: Final = "fd:"


class FdNames:
    """The names of one server.

    Args:
        own: Closes what clients leave behind.

    Attributes:
        are_known: True if there is any name.
    """

    __slots__ = ("_claims", "_holders", "_loose", "_own", "are_known")

    def __init__(self, own: OwnRequests) -> None:
        self.are_known: bool = False
        self._own = own
        self._holders: dict[str, Requester] = {}
        self._loose: set[str] = set()
        self._claims: dict[str, list[Requester]] = {}  # getfd was sent and isn't answered

    def belongs_to_another(self, name: str, requester: Requester) -> bool:
        """Return True if another client has passed the descriptor of that name, or does so now."""
        holder = self._holders.get(name)
        return _is_another(holder, requester) or any(
            _is_another(each, requester) for each in self._claims.get(name, ())
        )

    def is_taken(self, name: str, requester: Requester) -> bool:
        """Return True if another client's descriptor of that name probably is still there."""
        return name not in self._loose and self.belongs_to_another(name, requester)

    def claim(self, name: str, requester: Requester) -> bool:
        """Note that a getfd is sent; return False if there are too many names."""
        if len(self._holders) + len(self._claims) >= limits.NAMED_FDS and not self._forget_one():
            return False
        self._claims.setdefault(name, []).append(requester)
        self.are_known = True
        return True

    def _forget_one(self) -> bool:
        """Forget the first name that is loose; return False if there is none."""
        name = next((name for name in self._holders if name in self._loose), None)
        if name is not None:
            self._forget(name)
        return name is not None

    def passed(self, name: str, requester: Requester, is_success: bool) -> None:
        """Note the outcome of a getfd."""
        claims = self._claims.get(name)
        if claims is None:  # the server has gone
            return
        claims.remove(requester)
        if not claims:
            del self._claims[name]
        if is_success:
            self._forget(name)
            self._holders[name] = requester
        self.are_known = bool(self._holders or self._claims)
        self._close_if_left_behind(name)

    def used(self, names: tuple[str, ...], requester: Requester) -> None:
        """Note that a client's command with these names has succeeded."""
        self._loose.update(name for name in names if self._holders.get(name) is requester)

    def closed(self, name: str, requester: Requester) -> None:
        """Note that a closefd was answered, after which there is no descriptor of that name."""
        holder = self._holders.get(name)
        if holder is not None and not _is_another(holder, requester):
            self._forget(name)

    def _forget(self, name: str) -> None:
        self._holders.pop(name, None)
        self._loose.discard(name)
        self.are_known = bool(self._holders or self._claims)

    def left(self, requester: Requester) -> None:
        """Close what a client leaves behind."""
        for name in [name for name, holder in self._holders.items() if holder is requester]:
            self._close_if_left_behind(name)

    def _close_if_left_behind(self, name: str) -> None:
        """Close the descriptor of a client that has left, if there is one.

        If another client passes one by the same name before, this isn't sent any more.
        """
        holder = self._holders.get(name)
        if holder is not None and holder.has_left:
            self._own.execute("closefd", {"fdname": name})

    def clear(self) -> Mapping[Holder, list[str]]:
        """Forget all names, since the server has gone; return those of each client.

        Names that were used up aren't among them.
        """
        held: dict[Holder, list[str]] = {}
        for name, holder in self._holders.items():
            if name in self._loose:
                continue
            held.setdefault(holder, []).append(name)
        self._holders.clear()
        self._loose.clear()
        self._claims.clear()
        self.are_known = False
        return held


def _is_another(holder: Requester | None, requester: Requester) -> bool:
    """Return True if a holder is there, and not the requester."""
    return holder is not None and holder is not requester and not holder.has_left


def names_in(arguments: JsonValue) -> Iterator[str]:
    """Yield the words in a command's arguments that may name a descriptor.

    Spec: QEMU: ``fd``, ``vhostfd``, ``fds`` and ``vhostfds`` (with colons between names) of network
    backends and devices; ``str`` of a socket address; ``fdname`` of add_client; "fd:NAME" where a
    migration or a dump goes.
    """
    values: list[JsonValue] = [arguments]
    while values:
        value = values.pop()
        if isinstance(value, list):
            values += value
        elif isinstance(value, dict):
            for member, inner in value.items():
                if not isinstance(inner, str):
                    values.append(inner)
                elif inner.startswith(_PREFIX):
                    yield inner.removeprefix(_PREFIX)
                elif member in _MEMBERS or member.endswith(_ENDINGS):
                    yield from inner.split(":")
