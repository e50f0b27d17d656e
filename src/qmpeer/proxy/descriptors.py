"""The descriptors that clients have passed to the server, and whose they are.

A client can neither replace nor close nor use what another one has passed: such a command is
refused. What a client leaves behind is closed.

Four commands are about descriptors, and `names_in` finds the names in others. Each is checked when
it is sent, and its outcome changes the tables.

Spec: QEMU keeps the last set of descriptors until a command takes it, and reads further commands
before it executes one. So only one command with descriptors is at the server at once.
"""

from collections.abc import Callable, Mapping

import msgspec

from qmpeer import limits
from qmpeer.proxy import texts
from qmpeer.proxy.fd_names import FdNames, names_in
from qmpeer.proxy.fd_sets import FdSets
from qmpeer.proxy.own_requests import OwnRequests
from qmpeer.proxy.request import Holder, Request, Requester
from qmpeer.values import JsonObject, JsonValue


class Held(msgspec.Struct, frozen=True):
    """The descriptors that one client has passed to the server.

    Attributes:
        requester: The client.
        names: The names of descriptors.
        sets: The numbers of sets.
    """

    requester: Holder
    names: tuple[str, ...]
    sets: tuple[int, ...]


class Descriptors:
    """The descriptors of all clients.

    Args:
        own: Closes what clients leave behind.
        hold_back: Called with a function that returns True for in-band requests that mustn't be
            sent, and with None when all may be sent again.
    """

    __slots__ = ("_checks", "_hold_back", "_is_one_sent", "_last", "_names", "_own", "_sets")

    def __init__(
        self, own: OwnRequests, hold_back: Callable[[Callable[[Request], bool] | None], None]
    ) -> None:
        self._own = own
        self._hold_back = hold_back
        self._names = FdNames(own)
        self._sets = FdSets(own)
        self._last: Request | None = None  # its descriptors may still be with the server
        self._is_one_sent = False  # a request with descriptors, which isn't answered
        self._checks: Mapping[str, Callable[[Request, JsonObject], JsonObject | None]] = {
            "getfd": self._getfd,
            "closefd": self._closefd,
            "add-fd": self._add_fd,
            "remove-fd": self._remove_fd,
        }

    def check(self, request: Request) -> JsonObject | None:
        """Check a request that is about to be sent; return the error if it can't be.

        Its `Request.on_outcome` then waits for the server's answer.
        """
        command = request.command
        check = self._checks.get(command.name)
        if check is None and not (request.fds or self._names.are_known):
            return None  # the fast path
        if self._is_one_sent and request.fds:  # out of band
            return texts.descriptors_on_their_way(request)
        refusal = None
        if check is not None:
            refusal = check(request, request.arguments or {})
        elif request.arguments:
            refusal = self._use(request, request.arguments)
        if request.fds and refusal is None:
            self._last = request
            self._is_one_sent = True
            self._hold_back(_has_fds)
            self._wait_for(request)
        return refusal

    def _wait_for(self, request: Request) -> None:
        """Let further descriptors go once a request is answered."""
        inner = request.on_outcome

        def on_outcome(value: JsonValue, is_success: bool) -> None:
            self._is_one_sent = False
            self._hold_back(None)
            if inner is not None:
                inner(value, is_success)

        request.on_outcome = on_outcome

    def owns_set(self, number: int, requester: Requester) -> bool:
        """Return True if a client has passed all descriptors of a set, which is there."""
        return self._sets.owns(number, requester)

    def promise(self, number: int, holder: Holder | None) -> None:
        """Let what the proxy adds to a set belong to a holder; None ends that.

        Args:
            number: The set.
            holder: The holder.
        """
        self._sets.promise(number, holder)

    def sweep(self) -> None:
        """Begin to close the sets that nobody holds or uses."""
        self._sets.sweep()

    def left(self, requester: Requester) -> None:
        """Close what a client leaves behind."""
        self._names.left(requester)
        self._sets.sweep()

    def clear(self) -> list[Held]:
        """Forget everything, and return what the clients had: the server has gone."""
        self._last = None
        self._is_one_sent = False
        names, sets = self._names.clear(), self._sets.clear()
        return [
            Held(each, tuple(names.get(each, ())), tuple(sets.get(each, ())))
            for each in dict.fromkeys((*names, *sets))
            if not each.has_left
        ]

    # The commands

    def _getfd(self, request: Request, arguments: JsonObject) -> JsonObject | None:
        name, requester = arguments.get("fdname"), request.requester
        if self._lacks_fds(request):
            return texts.no_descriptor()
        if not isinstance(name, str):
            return None
        if self._names.is_taken(name, requester):
            return texts.name_taken(name)
        if not self._names.claim(name, requester):
            return texts.too_many_descriptors()

        carrier = self._carrier_for(request)

        def on_outcome(value: JsonValue, is_success: bool) -> None:
            self._took(carrier, is_success)
            self._names.passed(name, requester, is_success)

        request.on_outcome = on_outcome
        return None

    def _closefd(self, request: Request, arguments: JsonObject) -> JsonObject | None:
        name, requester = arguments.get("fdname"), request.requester
        if not isinstance(name, str):
            return None
        if self._names.belongs_to_another(name, requester):
            return texts.name_taken(name)

        def on_outcome(value: JsonValue, is_success: bool) -> None:
            if is_success or requester is self._own:
                self._names.closed(name, requester)

        request.on_outcome = on_outcome
        return None

    def _use(self, request: Request, arguments: JsonObject) -> JsonObject | None:
        names = tuple(names_in(arguments))
        requester = request.requester
        for name in names:
            if self._names.is_taken(name, requester):
                return texts.name_taken(name)

        inner = request.on_outcome

        def on_outcome(value: JsonValue, is_success: bool) -> None:
            if is_success:
                self._names.used(names, requester)
            if inner is not None:
                inner(value, is_success)

        if names:
            request.on_outcome = on_outcome
        return None

    def _add_fd(self, request: Request, arguments: JsonObject) -> JsonObject | None:
        number, requester = arguments.get("fdset-id"), request.requester
        if self._lacks_fds(request):
            return texts.no_descriptor()
        if (
            isinstance(number, int)
            and requester is not self._own  # which adds to sets that it holds for clients
            and self._sets.belongs_to_another(number, None, requester)
        ):
            return texts.set_taken(number)
        is_own = requester is self._own
        if isinstance(number, int) and number >= limits.PROXY_FD_SETS and not is_own:
            return texts.set_taken(number)
        if self._sets.size >= limits.NAMED_FDS:
            return texts.too_many_descriptors()

        carrier = self._carrier_for(request)

        def on_outcome(value: JsonValue, is_success: bool) -> None:
            self._took(carrier, is_success)
            self._sets.added(
                requester, value if is_success else None, has_number=number is not None
            )

        request.on_outcome = on_outcome
        self._sets.changing()
        return None

    def _remove_fd(self, request: Request, arguments: JsonObject) -> JsonObject | None:
        number, fd, requester = arguments.get("fdset-id"), arguments.get("fd"), request.requester
        is_own = requester is self._own
        if not isinstance(number, int) or not (fd is None or isinstance(fd, int)):
            return None
        # A client that removes and adds may get a number again that the proxy wants to remove.
        is_busy = is_own and self._sets.is_changing
        if is_busy or self._sets.belongs_to_another(number, fd, requester):
            return texts.set_taken(number)

        def on_outcome(value: JsonValue, is_success: bool) -> None:
            if is_success or is_own:
                self._sets.removed(number, fd)
            if not is_own:
                self._sets.changed()

        request.on_outcome = on_outcome
        if not is_own:
            self._sets.changing()
        return None

    # Descriptors that the server keeps until a command takes them

    def _lacks_fds(self, request: Request) -> bool:
        """Return True for a command that would take descriptors that another client has sent.

        Spec: QEMU keeps the last set that came with a command that doesn't take it, or that has
        wrong arguments, and the next getfd or add-fd without descriptors gets it.
        """
        last = self._last
        return not request.fds and last is not None and last.requester is not request.requester

    def _carrier_for(self, request: Request) -> Request | None:
        """Return the request whose descriptors a command takes."""
        return request if request.fds else self._last

    def _took(self, carrier: Request | None, is_success: bool) -> None:
        """Note that a command has taken a request's descriptors."""
        if is_success and self._last is carrier:
            self._last = None


def _has_fds(request: Request) -> bool:
    return bool(request.fds)
