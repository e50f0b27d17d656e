"""The recording of a client's connections: ``record=`` of `Client.connect` and its like."""

import os
from collections.abc import Callable
from typing import Any, TypeAlias

from qmpeer.protocol import CLOSED_BY_US, AgentSession, ClientSession, Completion, Happened
from qmpeer.recording import ConnectionRecording, Recording, dated_title
from qmpeer.transcript import Sender
from qmpeer.transport.forking import own

Record: TypeAlias = str | os.PathLike[str] | Recording
"""Where to record: a file, or a recording that others may use, too."""


class Recorder:
    """A client's recording, with all connections that the client makes.

    Args:
        record: A file, for a recording that is closed with the client; or a recording, which its
            owner closes.
        peer: The server's address.

    Raises:
        OSError: If the file can't be written.
    """

    __slots__ = ("__weakref__", "_is_ours", "_peer", "_recording", "_tap")

    def __init__(self, record: Record, peer: str) -> None:
        self._is_ours = not isinstance(record, Recording)
        self._peer = "" if self._is_ours else peer
        self._recording: Recording | None = (
            record
            if isinstance(record, Recording)
            else Recording.open(record, title=dated_title(peer))
        )
        self._tap: _Tap | None = None  # of the current connection
        own(self)

    def _disown(self, reason: str) -> None:
        """Stop in a forked child: the file belongs to the parent."""
        self._recording = None

    def session_maker(self, negotiate: bool) -> Callable[..., ClientSession[Any]]:
        """Return the type of a recorded session, to be called with `ClientSession`'s arguments."""

        def make(**options: Any) -> ClientSession[Any]:
            session = _RecordedSession(**options) if negotiate else _RecordedAgentSession(**options)
            session.tap = self._tap = _Tap(self)
            return session

        return make

    def close(self) -> None:
        """End the recording of the client's connections, and close the file if it is the client's.

        Repeated calls do no harm.
        """
        if self._tap is not None and self._tap.is_begun:
            self._tap.ended(Sender.CLIENT, "")
        recording = self._recording
        if recording is not None and self._is_ours:
            recording.close()


class _Tap:
    """The recording of one connection, from its first byte on, or from its end."""

    __slots__ = ("_connection", "_recorder")

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._connection: ConnectionRecording | None = None

    @property
    def is_begun(self) -> bool:
        return self._connection is not None

    def passed(self, sender: Sender, data: bytes, fds: int = 0) -> None:
        connection = self._connected()
        if connection is not None:
            connection.passed(sender, data, fds)

    def ended(self, by: Sender, reason: str) -> None:
        connection = self._connected()
        if connection is not None:
            connection.closed(by, reason)

    def _connected(self) -> ConnectionRecording | None:
        recording = self._recorder._recording
        if recording is None:
            return None
        if self._connection is None:
            self._connection = recording.opened(self._recorder._peer)
        return self._connection


class _Recorded(ClientSession[Any]):
    """What a recorded session does beside its work. Bytes count as sent when they are taken."""

    __slots__ = ()

    tap: _Tap

    def data_to_send(self) -> tuple[bytes, tuple[int, ...]]:
        data, fds = super().data_to_send()
        if data:
            self.tap.passed(Sender.CLIENT, data, len(fds))
        return data, fds

    def receive_data(self, data: bytes) -> list[Happened[Any]]:
        self.tap.passed(Sender.SERVER, data)
        return super().receive_data(data)

    def end(self, reason: str) -> list[Completion[Any]]:
        if self._has_left:
            self.tap.ended(Sender.SERVER, "")
        elif self.failure is None and reason == CLOSED_BY_US:
            self.tap.ended(Sender.CLIENT, "")
        else:
            self.tap.ended(Sender.CLIENT, reason)
        return super().end(reason)


class _RecordedSession(_Recorded):
    """A recorded session with a monitor."""

    __slots__ = ("tap",)


class _RecordedAgentSession(_Recorded, AgentSession[Any]):
    """A recorded session with a guest agent."""

    __slots__ = ("tap",)
