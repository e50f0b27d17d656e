"""The file descriptors that clients have sent and the machine keeps: named ones, and sets.

Spec: QEMU, getfd, closefd, add-fd, remove-fd, query-fdsets. A command takes the first of the
descriptors that came last; what came with it beyond that is closed.
"""

import os
from itertools import count

from qmpeer.errors import CommandError
from qmpeer.values import JsonObject

_NOTHING_SENT = "No file descriptor supplied via SCM_RIGHTS"


class Descriptors:
    """Keep descriptors by name and in sets, and close each when its time has come."""

    def __init__(self) -> None:
        self._named: dict[str, int] = {}
        self._sets: dict[int, list[tuple[int, str | None]]] = {}

    def add_named(self, name: str, received: list[int]) -> None:
        """Keep the first of the received descriptors under a name; an older one is closed.

        Raises:
            CommandError: If none was received, or if the name starts with a digit.
        """
        fd = _take_first(received)
        if name[:1] in "0123456789" and name:
            os.close(fd)
            raise CommandError(
                "GenericError", "Parameter 'fdname' expects a name not starting with a digit"
            )
        if (old := self._named.get(name)) is not None:
            os.close(old)
        self._named[name] = fd

    def close_named(self, name: str) -> None:
        """Close the descriptor of a name.

        Raises:
            CommandError: If there is none.
        """
        if (fd := self._named.pop(name, None)) is None:
            raise _not_found(name)
        os.close(fd)

    def add_to_set(self, set_id: int | None, opaque: str | None, received: list[int]) -> JsonObject:
        """Put the first of the received descriptors into a set, by default a new one.

        Returns:
            The number of the set and the descriptor's own, as add-fd returns them.

        Raises:
            CommandError: If none was received, or if the number of the set is negative.
        """
        fd = _take_first(received)
        if set_id is None:
            set_id = next(i for i in count() if i not in self._sets)
        elif set_id < 0:
            os.close(fd)
            raise CommandError("GenericError", "Parameter 'fdset-id' expects a non-negative value")
        self._sets.setdefault(set_id, []).append((fd, opaque))
        return {"fd": fd, "fdset-id": set_id}

    def remove_from_set(self, set_id: int, fd: int | None) -> None:
        """Close one descriptor of a set, or all of them; an empty set is gone.

        Raises:
            CommandError: If there is no such set, or if it doesn't hold the descriptor.
        """
        members = self._sets.get(set_id, [])
        chosen = [member for member in members if fd is None or member[0] == fd]
        if not chosen:
            where = f"fdset-id:{set_id}" if fd is None else f"fdset-id:{set_id}, fd:{fd}"
            raise _not_found(where)
        self._sets[set_id] = [member for member in members if member not in chosen]
        if not self._sets[set_id]:
            del self._sets[set_id]
        for number, _ in chosen:
            os.close(number)

    def describe_sets(self) -> list[JsonObject]:
        """Describe all sets as query-fdsets does, the highest number first."""
        return [
            {
                "fds": [
                    {"fd": fd} if opaque is None else {"fd": fd, "opaque": opaque}
                    for fd, opaque in members
                ],
                "fdset-id": set_id,
            }
            for set_id, members in sorted(self._sets.items(), reverse=True)
        ]

    def clear_sets(self) -> None:
        """Close all descriptors in sets; named ones stay."""
        for members in self._sets.values():
            for fd, _ in members:
                os.close(fd)
        self._sets.clear()

    def close(self) -> None:
        """Close everything."""
        self.clear_sets()
        for fd in self._named.values():
            os.close(fd)
        self._named.clear()


def _take_first(received: list[int]) -> int:
    if not received:
        raise CommandError("GenericError", _NOTHING_SENT)
    for surplus in received[1:]:
        os.close(surplus)
    return received[0]


def _not_found(name: str) -> CommandError:
    return CommandError("GenericError", f"File descriptor named '{name}' not found")
