"""The injector: the faults of a plan in all connections of a server.

`Injector.wrap` wraps a handler factory, as `qmpeer.transport.aio.filtered_stream.filtered` does.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from enum import Enum
from functools import partial
from typing import Final

import msgspec

from qmpeer import limits
from qmpeer.errors import FaultError
from qmpeer.faults.aio import FaultyStream
from qmpeer.faults.conversation import Command
from qmpeer.faults.engine import Engine
from qmpeer.faults.fault import Fault
from qmpeer.faults.plan import Faults
from qmpeer.faults.process import ProcessFaults
from qmpeer.transport.aio import HandlerFactory, Stream, StreamHandler

log: Final = logging.getLogger("qmpeer.faults")


class Connections(Enum):
    """The connections that a fault is for."""

    ALL = "all"
    """Those that are there, and all later ones."""
    CURRENT = "current"
    """Those that are there."""
    NEXT = "next"
    """All later ones."""


class ArmedFault(msgspec.Struct, kw_only=True):
    """A fault of a live injector.

    Attributes:
        number: Its number, from 1.
        fault: The fault.
        connections: The connections that it is for.
        happened: How often it has happened.
    """

    number: int
    fault: Fault
    connections: Connections = Connections.ALL
    happened: int = 0


class Injector:
    """Puts the faults of a plan into the connections of a server.

    All factories that it has wrapped count their connections together. A connection at which no
    fault can happen gets its handler directly and costs nothing, unless the injector is live.

    Args:
        faults: The plan.
        seed: The seed of all chance.
        process: Receives the faults of the server's process; by default they happen to this
            process.
        happened: Called with each fault that happens, and the peer's name. Each is logged too, as
            ``qmpeer.faults`` at INFO.
        live: Allow `arm` and `disarm` while there are connections. Each connection's messages are
            then looked at, faults or none.
        asked: Called with each command that a client sends, if it is live, and the number of the
            client's connection, from 1.

    Attributes:
        connections: The number of connections so far.
    """

    def __init__(
        self,
        faults: Faults,
        *,
        seed: int = 0,
        process: Callable[[Fault], None] | None = None,
        happened: Callable[[Fault, str], None] | None = None,
        live: bool = False,
        asked: Callable[[int, Command], None] | None = None,
    ) -> None:
        self.connections: int = 0
        self._faults = faults
        self._seed = seed
        self._process = process or ProcessFaults()
        self._happened = happened
        self._is_live = live
        self._asked = asked or (lambda connection, command: None)
        self._streams: dict[FaultyStream, None] = {}  # those that are open, in order
        self._armed: dict[int, ArmedFault] = {}
        self._last = 0
        if live:
            for fault in faults:
                self._add(fault, Connections.ALL)

    def wrap(self, factory: HandlerFactory) -> HandlerFactory:
        """Return a handler factory that puts faults in front of another one."""

        def start(raw: Stream) -> StreamHandler:
            self.connections += 1
            engine = Engine(
                self._next_faults() if self._is_live else self._faults,
                connection=self.connections,
                seed=self._seed,
                now=asyncio.get_running_loop().time(),
                epoch=time.time(),
                live=self._is_live,
            )
            if engine.is_idle:
                return factory(raw)
            forget = self._forget if self._is_live else _do_nothing
            asked = partial(self._asked, self.connections)
            stream = FaultyStream(raw, engine, self._to_process, self._note, asked, forget)
            if self._is_live:
                self._streams[stream] = None
            stream.start(factory)
            return stream

        return start

    # A live one

    @property
    def armed(self) -> Sequence[ArmedFault]:
        """The faults of the plan, and those of `arm`, in order."""
        return tuple(self._armed.values())

    def arm(self, fault: Fault, connections: Connections = Connections.ALL) -> ArmedFault:
        """Let one more fault happen, from now on.

        In a connection that is there, a ``time`` counts from now, and a fault without a place
        happens at once. Call it in the thread of the connections' loop.

        Raises:
            FaultError: If it can't happen any more, or there are `limits.FAULTS` faults.
        """
        if fault.word == "late":
            raise FaultError("found late, expected another fault: the server listens already")
        if len(self._armed) >= limits.FAULTS:
            raise FaultError(f"found more than {limits.FAULTS} faults")
        armed = self._add(fault, connections)
        if connections is not Connections.NEXT:
            for stream in list(self._streams):
                stream.add(armed.fault)
        return armed

    def disarm(self, armed: ArmedFault) -> None:
        """End a fault: it happens no more, and what it holds back or slows down goes on."""
        self._armed.pop(armed.number, None)
        for stream in list(self._streams):
            stream.remove(armed.fault)

    def _add(self, fault: Fault, connections: Connections) -> ArmedFault:
        self._last += 1
        own = msgspec.structs.replace(fault)  # a copy, to tell it from an equal one
        armed = ArmedFault(number=self._last, fault=own, connections=connections)
        self._armed[armed.number] = armed
        return armed

    def _next_faults(self) -> list[Fault]:
        current = Connections.CURRENT
        return [each.fault for each in self._armed.values() if each.connections is not current]

    def _forget(self, stream: FaultyStream) -> None:
        self._streams.pop(stream, None)

    # All

    def _to_process(self, fault: Fault) -> None:
        try:
            self._process(fault)
        except (OSError, ValueError) as error:  # the process is gone, or its file is wrong
            reason = getattr(error, "strerror", None) or error
            log.error("the fault can't happen: %s: %s", fault, reason)

    def _note(self, fault: Fault, peer: str) -> None:
        for armed in self._armed.values():
            if armed.fault is fault:
                armed.happened += 1
        log.info("%s: = fault: %s", peer, fault)
        if self._happened is not None:
            self._happened(fault, peer)


def _do_nothing(stream: FaultyStream) -> None:
    pass
