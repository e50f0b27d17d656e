"""The last steps of a request to the server: its descriptors are checked, it is recorded, sent."""

from collections.abc import Callable

from qmpeer.errors import QMPError
from qmpeer.proxy import texts
from qmpeer.proxy.descriptors import Descriptors
from qmpeer.proxy.multiplexer import Multiplexer
from qmpeer.proxy.node_facts import NodeFacts
from qmpeer.proxy.recorder import Recorder
from qmpeer.proxy.request import Request
from qmpeer.proxy.server_connection import ServerConnection
from qmpeer.values import JsonObject


class Dispatch:
    """The dispatch of all requests. The multiplexer counts them as being at the server already.

    Args:
        descriptors: Checks their descriptors.
        nodes: Checks that the nodes by which they were judged are still the same.
        multiplexer: Is told of requests that weren't sent after all.
        recorder: Records them first; None if nobody does.
        objection: Called with a request that was judged by an earlier policy; returns the error for
            its client if it mayn't be sent.
        refuse: Called with a request that can't be sent, and the error for its client.
    """

    __slots__ = (
        "_descriptors",
        "_multiplexer",
        "_nodes",
        "_objection",
        "_recorder",
        "_recording",
        "_refuse",
        "_server",
    )

    def __init__(
        self,
        descriptors: Descriptors,
        nodes: NodeFacts,
        multiplexer: Multiplexer[Request],
        recorder: Recorder | None,
        objection: Callable[[Request], JsonObject | None],
        refuse: Callable[[Request, JsonObject], None],
    ) -> None:
        self._descriptors = descriptors
        self._nodes = nodes
        self._multiplexer = multiplexer
        self._recorder = recorder
        self._objection = objection
        self._refuse = refuse
        self._server: ServerConnection | None = None
        self._recording: set[Request] = set()  # their records aren't safe yet

    def begin(self, server: ServerConnection) -> None:
        """Send to this server from now on."""
        self._server = server

    def end(self) -> None:
        """Note that the server has gone; all requests are about to be answered."""
        self._server = None
        self._recording.clear()

    def send(self, request: Request) -> None:
        """Send a request, at once or when it is on record."""
        error = (
            (self._objection(request) if request.is_outdated else None)
            or self._nodes.check(request)
            or self._descriptors.check(request)
        )
        recorder = self._recorder
        if error is not None:
            self._not_sent(request, error)
        elif recorder is None or request.record is not None:
            self._send_now(request)
        elif not recorder.is_slow:
            failure = recorder.begin(request)
            if failure is None:
                self._send_now(request)
            else:
                self._fail(request, failure)
        else:
            self._recording.add(request)
            recorder.begin_slowly(request, self._recorded)

    def _recorded(self, request: Request, failure: str | None) -> None:
        """Send a request that is on record, or let it fail because it can't be."""
        if request not in self._recording:  # its server has gone, so it is answered
            self._end_record(request, "the connection to the server has ended")
            return
        self._recording.discard(request)
        if failure is not None or request.is_answered:
            self._fail(request, failure or "nobody waits for it any more")
        elif request.is_outdated and (error := self._objection(request)) is not None:
            self._take_back(request, error)
        else:
            self._send_now(request)

    def _send_now(self, request: Request) -> None:
        try:
            assert self._server is not None
            self._server.send(request)
        except (QMPError, TypeError, ValueError, OSError) as failure:
            self._fail(request, str(failure))

    def _fail(self, request: Request, reason: str) -> None:
        self._end_record(request, reason)
        self._take_back(request, texts.not_sent(request, reason))

    def _take_back(self, request: Request, error: JsonObject) -> None:
        """Refuse a request whose descriptors were checked."""
        if request.on_outcome is not None:
            request.on_outcome(None, False)
        self._not_sent(request, error)

    def _not_sent(self, request: Request, error: JsonObject) -> None:
        if not request.command.is_oob:
            self._multiplexer.finished()
        self._refuse(request, error)

    def _end_record(self, request: Request, reason: str) -> None:
        if self._recorder is not None:
            self._recorder.end_unsent(request, reason)
