"""Random conversations of eight clients through one proxy; ``make soak`` holds many of them.

Each client gets what a model of a server with no other client would give it: its in-band responses
in its order, with its ids; its out-of-band ones; the events without gaps; nothing of another
client. A client may leave in the middle: what it had sent is then executed at most once.

    python -m tests.proxy.conversations --first SEED --count 1

holds one conversation again.
"""

import argparse
import asyncio
import contextlib
import json
import socket
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Final

from qmpeer.proxy import Proxy
from tests.patience import PATIENCE
from tests.proxy.modelled import VERSION, Message, ModelServer
from tests.proxy.programs import Program, canonical

__all__ = ["CLIENTS", "converse"]

CLIENTS: Final = 8
FAULTS: Final = 20
"""Faults after which no further conversation is held."""
GREETING: Final = {"QMP": {"version": VERSION, "capabilities": ["oob"]}}


class Talker:
    """One client: a bare socket that sends its program in pieces, and checks what it gets.

    Attributes:
        faults: What it got that it must not have got.
        is_over: True once the proxy has closed the connection, or the client has left.
    """

    def __init__(
        self, random: Random, number: int, path: Path, server: ModelServer, is_pretty: bool
    ) -> None:
        self.program = Program(random, number)
        self.number = number
        self.faults: list[str] = []
        self.is_over = False
        self.leaves = random.random() < 0.2
        self._ends = not self.leaves and random.random() < 0.3  # in its direction only
        self._server = server
        self._is_pretty = is_pretty
        self._pieces = self._cut(random)
        self._input = b""
        self._is_greeted = False
        self._in_band = 0  # responses so far
        self._out_of_band = Counter(canonical(each) for each in self.program.out_of_band)
        self._next_event: int | None = None
        self._events_at_start = 0
        self._sock = socket.socket(socket.AF_UNIX)
        self._sock.setblocking(False)
        self._sock.connect(str(path))
        self._is_reading = False
        self._is_lazy = random.random() < 0.1
        if not self._is_lazy:
            self.read_on()

    def _cut(self, random: Random) -> list[bytes]:
        text = self.program.text
        cuts = sorted(random.choices(range(len(text) + 1), k=random.choice((0, 0, 0, 1, 2, 6))))
        pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
        if self.leaves:
            pieces = pieces[: random.randint(0, len(pieces))]
        return [piece for piece in reversed(pieces) if piece]

    def read_on(self) -> None:
        """Begin to read, if it hasn't."""
        if not self._is_reading and not self.is_over:
            self._is_reading = True
            asyncio.get_running_loop().add_reader(self._sock, self._read)

    def step(self) -> bool:
        """Send the next piece; return False once there is nothing more to do."""
        if self._pieces:
            piece = self._pieces.pop()
            try:
                sent = self._sock.send(piece)
            except BlockingIOError:
                sent = 0
                self.read_on()
            if sent < len(piece):
                self._pieces.append(piece[sent:])
            return True
        if self.leaves:
            self.close()
        elif self._ends:
            self._sock.shutdown(socket.SHUT_WR)
        return False

    def close(self) -> None:
        """Leave."""
        if self._sock.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(self._sock)
            self._sock.close()
        self.is_over = True

    @property
    def is_answered(self) -> bool:
        """True if it has all its responses."""
        if self.leaves or self.faults:
            return True
        if self._in_band < len(self.program.in_band) or self._out_of_band or not self._is_greeted:
            return False
        return self.is_over or not self._ends

    @property
    def is_done(self) -> bool:
        """True if it has everything that it must get, the last event too."""
        if self.leaves or self.faults or self._ends or self._next_event is None:
            return True
        return self._next_event == self._server.events + 1

    # What comes in

    def _read(self) -> None:
        try:
            data = self._sock.recv(1 << 16)
        except OSError:
            data = b""
        if not data:
            asyncio.get_running_loop().remove_reader(self._sock)
            self.is_over = True
            if not self._ends:
                self.faults.append("the proxy closed the connection")
            return
        self._input += data
        end = b"\r\n}\r\n" if self._is_pretty else b"\r\n"
        *texts, self._input = self._input.split(end)
        for text in texts:
            try:
                self._take(json.loads(text + end))
            except ValueError:
                self.faults.append(f"got {text[:200]!r}")

    def _take(self, message: Message) -> None:
        if not self._is_greeted:
            self._is_greeted = True
            self._expect(message, GREETING)
        elif "event" in message:
            self._take_event(message)
        else:
            self._take_response(message)

    def _take_event(self, message: Message) -> None:
        number = message["data"]["number"]
        if self._next_event is None:
            self.faults.append(f"event {number} before negotiation")
        elif self._next_event == 0:
            if number > self._events_at_start + 1:
                self.faults.append(f"the first event is {number}, after {self._events_at_start}")
        elif number != self._next_event:
            self.faults.append(f"event {number}, expected {self._next_event}")
        self._next_event = number + 1

    def _take_response(self, message: Message) -> None:
        value = message.get("return")
        if isinstance(value, dict) and "events" in value:
            events = value.pop("events")
            if self._next_event and events >= self._next_event:
                self.faults.append(f"a response overtook event {events}")
            elif not self._next_event and events > self._events_at_start:
                self.faults.append(f"a response overtook the first event, {events}")
        shape = canonical(message)
        if self._out_of_band[shape]:
            self._out_of_band[shape] -= 1
            self._out_of_band += Counter()
            return
        place, self._in_band = self._in_band, self._in_band + 1
        if place == self.program.negotiation:
            # Events that come before this is read may be left out.
            self._next_event, self._events_at_start = 0, self._server.events
        expected = self.program.in_band[place : place + 1]
        self._expect(message, expected[0] if expected else None)

    def _expect(self, message: Message, expected: Message | None) -> None:
        if expected is None or canonical(message) != canonical(expected):
            self.faults.append(f"got {str(message)[:300]}, expected {str(expected)[:300]}")


class Conversation:
    """Eight clients, a proxy, and a model server.

    Args:
        seed: Decides everything but the moments of the kernel.
        folder: An empty folder for the proxy's socket.
    """

    def __init__(self, seed: int, folder: Path) -> None:
        self._random = Random(seed)
        self._path = folder / f"p{seed}"
        self._window = self._random.randint(1, 7)
        self._is_pretty = self._random.random() < 0.1
        self._server = ModelServer(Random(seed), self._window)
        self._talkers: list[Talker] = []
        self._until = time.monotonic() + PATIENCE

    async def run(self) -> list[str]:
        """Hold the conversation; return what was wrong."""
        try:
            async with Proxy(self._server.sock, window=self._window) as proxy:
                await proxy.listen(self._path, pretty=self._is_pretty)
                await self._send_all()
                await self._finish()
                left = await self._leave(proxy)
        finally:
            self._server.close()
            for talker in self._talkers:
                talker.close()
        return [*self._faults(), *left]

    async def _send_all(self) -> None:
        """Send the pieces of all clients, in random turns."""
        random = self._random
        coming = CLIENTS + random.choice((0, 0, 2))  # some come when others have left
        active: list[Talker] = []
        while active or len(self._talkers) < coming:
            has_room = len(self._talkers) < coming and len(active) < CLIENTS
            if has_room and (not active or random.random() < 0.5):
                number = len(self._talkers) + 1
                talker = Talker(random, number, self._path, self._server, self._is_pretty)
                self._talkers.append(talker)
                active.append(talker)
                continue
            talker = random.choice(active)
            if not talker.step():
                active.remove(talker)
            if random.random() < 0.06:
                self._server.emit()
            if random.random() < 0.5:
                await asyncio.sleep(0)
            self._check_time()

    async def _finish(self) -> None:
        """Wait until all clients have their responses, and then a last event."""
        for talker in self._talkers:
            talker.read_on()
        while not all(each.is_answered for each in self._talkers):
            await asyncio.sleep(0)
            self._check_time()
        self._server.emit()
        while not all(each.is_done for each in self._talkers):
            await asyncio.sleep(0)
            self._check_time()

    async def _leave(self, proxy: Proxy) -> list[str]:
        """Let all clients leave; return what the proxy keeps of them."""
        for talker in self._talkers:
            talker.leaves = True
            talker.close()
        while proxy.clients or not self._server.is_idle:
            await asyncio.sleep(0)
            self._check_time()
        hub = proxy._hub
        for _ in range(100):  # the last answers may be on their way
            if not hub._multiplexer.in_flight:
                break
            await asyncio.sleep(0)
        kept = (
            hub._deadlines._requests,
            hub._multiplexer._turns,
            hub.server and hub.server.session._pending,
        )
        return [f"the proxy keeps {each}" for each in kept if each]

    def _check_time(self) -> None:
        if time.monotonic() > self._until:
            waiting = [each for each in self._talkers if not each.is_done]
            for each in waiting:
                place = each._in_band
                print(f"client {each.number} waits for", each.program.in_band[place : place + 1])
            raise TimeoutError(f"{len(waiting)} clients wait")

    def _faults(self) -> list[str]:
        server = self._server
        faults = [f"server: {fault}" for fault in server.faults]
        faults += [f"client {each.number}: {f}" for each in self._talkers for f in each.faults]
        executed = Counter(server.executed)
        faults += [f"command {n} was executed {c} times" for n, c in executed.items() if c > 1]
        places = {n: place for place, n in enumerate(server.executed)}
        for talker in self._talkers:
            sent = talker.program.sent
            done = [n for n in sent if n in places]
            if done != sent[: len(done)] or done != sorted(done, key=places.__getitem__):
                faults.append(f"client {talker.number}: executed {done}, sent {sent}")
        return faults


async def converse(seeds: range, folder: Path) -> list[str]:
    """Hold a conversation for each seed; return what was wrong, with its seed."""
    faults: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(f"{context}"))
    for seed in seeds:
        try:
            found = await Conversation(seed, folder).run()
        except Exception as error:
            found = [repr(error)]
        faults += [f"--first {seed} --count 1: {fault}" for fault in found]
        if len(faults) >= FAULTS:
            break
    return faults


def main() -> int:
    """Hold the conversations of a range of seeds on both loops; print what was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, default=100_000, help="conversations, on all loops")
    parser.add_argument("--seconds", type=float, default=3600.0, help="the most time for each loop")
    options = parser.parse_args()
    loops: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {"asyncio": asyncio.new_event_loop}
    with contextlib.suppress(ImportError):
        import uvloop

        loops["uvloop"] = uvloop.new_event_loop
    status = 0
    share = -(-options.count // len(loops))
    for name, new_loop in loops.items():
        first, began = options.first, time.monotonic()
        faults: list[str] = []
        with tempfile.TemporaryDirectory() as folder, asyncio.Runner(loop_factory=new_loop) as run:
            last = first + share
            while first < last and not faults and time.monotonic() - began < options.seconds:
                seeds = range(first, min(first + 500, last))
                faults += run.run(converse(seeds, Path(folder)))
                first = seeds.stop
        count, seconds = first - options.first, time.monotonic() - began
        print(f"{name}: {count:,} conversations in {seconds:.0f} s; {len(faults)} faults")
        for fault in faults:
            print(fault)
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
