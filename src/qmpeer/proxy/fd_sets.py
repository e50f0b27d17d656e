"""The sets of descriptors: which client added what, by add-fd.

A set that a client leaves behind is removed when no block node uses it. While one does, it may be
opened again, which needs the set. All other users have opened it once and keep what they have.

Spec: QEMU closes the sets that nobody uses when the last client of its monitors leaves. It doesn't
see the clients of a proxy leave.
"""

import asyncio
import re
from typing import Final

from qmpeer.errors import CommandError
from qmpeer.proxy.own_requests import OwnRequests
from qmpeer.proxy.request import Holder, Requester
from qmpeer.values import JsonObject, JsonValue

_FILE_NAME: Final = re.compile(r"/dev/fdset/(\d+)")


class FdSets:
    """The sets of one server.

    Args:
        own: Removes what clients leave behind.
    """

    __slots__ = (
        "_changes",
        "_is_sweep_due",
        "_own",
        "_promised",
        "_sets",
        "_shared",
        "_sweeping",
    )

    def __init__(self, own: OwnRequests) -> None:
        self._own = own
        self._sets: dict[int, dict[int, Holder]] = {}  # by set and descriptor
        self._promised: dict[int, Holder] = {}
        self._shared: set[int] = set()  # they may hold what no client has passed
        self._changes = 0  # commands of clients that were sent and aren't answered
        self._sweeping: asyncio.Task[None] | None = None
        self._is_sweep_due = False

    @property
    def size(self) -> int:
        """The number of descriptors."""
        return sum(map(len, self._sets.values()))

    def belongs_to_another(self, number: int, fd: int | None, requester: Requester) -> bool:
        """Return True if another client has added to a set, or that descriptor of it."""
        holders = self._sets.get(number, {})
        concerned = holders.values() if fd is None or fd not in holders else (holders[fd],)
        return any(each is not requester and not each.has_left for each in concerned)

    def owns(self, number: int, requester: Requester) -> bool:
        """Return True if a set is there, and this client has added all that is in it.

        Who adds to a set by a number that the proxy doesn't know may add to one of QEMU's command
        line, or of another monitor. Only the server's choice of a number makes a set for certain.
        """
        holders = self._sets.get(number)
        return (
            holders is not None
            and number not in self._shared
            and all(each is requester for each in holders.values())
        )

    @property
    def is_changing(self) -> bool:
        """True while a client's add-fd or remove-fd is at the server."""
        return self._changes > 0

    def changing(self) -> None:
        """Note that a client's add-fd or remove-fd is sent."""
        self._changes += 1

    def added(self, requester: Requester, value: JsonValue, *, has_number: bool) -> None:
        """Note the answer to an add-fd; None if it has failed.

        Args:
            requester: Who sent it.
            value: The answer.
            has_number: True if it named the set.
        """
        if isinstance(value, dict):
            number, fd = value.get("fdset-id"), value.get("fd")
            if isinstance(number, int) and isinstance(fd, int):
                if has_number and number not in self._sets:
                    self._shared.add(number)
                holder = self._promised.get(number, requester)
                self._sets.setdefault(number, {})[fd] = holder
        self.changed()

    def promise(self, number: int, holder: Holder | None) -> None:
        """Let what is added to a set belong to a holder; None ends that."""
        if holder is None:
            self._promised.pop(number, None)
        else:
            self._promised[number] = holder

    def removed(self, number: int, fd: int | None) -> None:
        """Note the success of a client's remove-fd, or the outcome of the proxy's."""
        holders = self._sets.get(number, {})
        if fd is None:
            holders.clear()
        else:
            holders.pop(fd, None)
        if not holders:
            self._sets.pop(number, None)
            self._shared.discard(number)

    def changed(self) -> None:
        """Note that a client's add-fd or remove-fd was answered."""
        self._changes = max(0, self._changes - 1)  # it is 0 once the server has gone
        self.sweep()

    # What clients leave behind

    def _left_behind(self) -> list[tuple[int, int]]:
        return [
            (number, fd)
            for number, holders in self._sets.items()
            for fd, holder in holders.items()
            if holder.has_left
        ]

    def sweep(self) -> None:
        """Begin to remove what clients have left behind, as far as nobody uses it."""
        if self._sweeping is not None:
            self._is_sweep_due = True
        elif self._left_behind():
            self._sweeping = asyncio.get_running_loop().create_task(self._sweep())
            self._sweeping.add_done_callback(self._swept)

    def _swept(self, task: "asyncio.Task[None]") -> None:
        if self._sweeping is not task:
            return
        self._sweeping = None
        if self._is_sweep_due:
            self._is_sweep_due = False
            self.sweep()

    async def _sweep(self) -> None:
        used = await self._used()
        if used is None:
            return
        for number, fd in self._left_behind():
            if number not in used:
                arguments: JsonObject = {"fdset-id": number, "fd": fd}
                try:
                    await self._own.execute("remove-fd", arguments)
                except CommandError:
                    pass  # it is gone, or a client is about to change the set

    async def _used(self) -> set[int] | None:
        """Return the numbers of the sets that block nodes use; None if that is unknown."""
        both: list[JsonObject | None] = [{"flat": True}, None]  # QEMU before 5.0 lacks "flat"
        for arguments in both:
            try:
                nodes = await self._own.execute("query-named-block-nodes", arguments)
            except CommandError:
                continue
            return set(_sets_in(nodes))
        return None

    def clear(self) -> dict[Holder, list[int]]:
        """Forget all sets, and return their numbers by client: the server has gone."""
        held: dict[Holder, list[int]] = {}
        for number, holders in self._sets.items():
            for holder in set(holders.values()):
                held.setdefault(holder, []).append(number)
        self._sets.clear()
        self._shared.clear()
        self._changes = 0
        self._is_sweep_due = False
        sweeping, self._sweeping = self._sweeping, None
        if sweeping is not None:
            sweeping.cancel()
        return held


def _sets_in(value: JsonValue) -> list[int]:
    """Return the numbers of the sets that are named anywhere in a value."""
    found: list[int] = []
    values = [value]
    while values:
        match values.pop():
            case str() as text:
                found += map(int, _FILE_NAME.findall(text))
            case list() as items:
                values += items
            case dict() as members:
                values += members.values()
    return found
