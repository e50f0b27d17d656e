"""A stress test that interrupts blocking clients at random moments by a signal handler.

    python -m tests.faults.interrupted_client [--kind KIND] [--threads N] [--interrupts N]

The main thread uses a client, and SIGALRM raises an exception there some microseconds later. In a
third of the cases, further exceptions follow during the cleanup of the first. Then the interrupts
stop, and the client must work or be closed. Other threads use the same client all the time. Each
answer is compared with the request. The server has a process of its own, for speed.

The results are printed as JSON: how often the client was interrupted, was closed by that, was
stuck, or got another command's answer; the longest time in seconds until it worked or was known to
be closed; and the descriptors left open. If any client was stuck or got a wrong answer, the exit
status is 1.
"""

import argparse
import faulthandler
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic, sleep
from typing import Any, TypeAlias

from qmpeer import Client, CommandInterrupted, ConnectionClosed
from qmpeer.client import GuestAgent
from qmpeer.values import JsonObject

__all__ = ["KINDS", "Seen", "run"]

STUCK_AFTER = 3.0
"""Seconds without an answer after which a client counts as stuck."""
SHORTEST, LONGEST = 5e-6, 4e-4
"""The longest time until an interrupt, in seconds; a command takes about 1e-4."""
CALLS = 50
"""The number of calls in which an interrupt is awaited."""

ENDED = (ConnectionClosed, CommandInterrupted)


class Interrupted(BaseException):
    """The exception that the signal handler raises, like KeyboardInterrupt no Exception."""


# The server

GREETING = {
    "QMP": {
        "version": {"qemu": {"major": 7, "minor": 2, "micro": 0}, "package": ""},
        "capabilities": ["oob"],
    }
}
TICK = b'{"event": "TICK", "timestamp": {"seconds": 1, "microseconds": 2}}\r\n'


def answer(sock: socket.socket, greets: bool) -> None:
    """Answer one client until it leaves; guest-sync-delimited as an agent does."""

    def say(message: object, before: bytes = b"") -> None:
        sock.sendall(before + json.dumps(message).encode() + b"\r\n")

    try:
        if greets:
            say(GREETING)
        for line in sock.makefile("rb"):
            command = json.loads(line.lstrip(b"\xff"))
            name = command.get("execute") or command["exec-oob"]
            arguments = command.get("arguments", {})
            if name == "guest-sync-delimited":
                say({"return": arguments["id"], "id": command["id"]}, b"\xff")
                continue
            before = TICK if name == "emit" else b""
            say({"return": arguments, "id": command["id"]}, before)
    except OSError:
        pass
    finally:
        sock.close()


def serve(path: str) -> None:
    """Answer at two sockets: "qmp" greets, "agent" doesn't."""
    for name in ("agent", "qmp"):
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(f"{path}/{name}.new")
        listener.listen(16)
        os.rename(f"{path}/{name}.new", f"{path}/{name}")

        def accept(listener: socket.socket = listener, greets: bool = name == "qmp") -> None:
            while True:
                sock, _ = listener.accept()
                threading.Thread(target=answer, args=(sock, greets), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
    sys.stdin.read()  # until our parent has gone


@contextmanager
def serving() -> Iterator[str]:
    """Run the server in a new process, and yield the folder of its sockets."""
    with tempfile.TemporaryDirectory() as folder:
        argv = [sys.executable, "-m", __spec__.name, "--serve", folder]
        with subprocess.Popen(argv, stdin=subprocess.PIPE) as process:
            try:
                yield folder
            finally:
                process.kill()


# Its clients

AnyClient: TypeAlias = Client | GuestAgent


def open_qmp(folder: str) -> Client:
    return Client.connect(f"unix:{folder}/qmp", wait_for_socket=True)


def open_reconnecting(folder: str) -> Client:
    return Client.connect(f"unix:{folder}/qmp", wait_for_socket=True, reconnect=10.0)


def open_agent(folder: str) -> GuestAgent:
    return GuestAgent.connect(f"unix:{folder}/agent", wait_for_socket=True)


def open_launched(folder: str) -> Client:
    argv = [sys.executable, "-m", __spec__.name]
    return Client.launch(argv, monitor=["--answer", "{fd}"])


KINDS: Mapping[str, Callable[[str], AnyClient]] = {
    "plain": open_qmp,
    "reconnecting": open_reconnecting,
    "agent": open_agent,
    "launched": open_launched,
}


@dataclass
class Seen:
    """The results of a trial."""

    interrupts: int = 0
    repeated: int = 0
    commands: int = 0
    closed: int = 0
    stuck: int = 0
    wrong: int = 0
    slowest: float = 0.0
    left_open: int = 0
    errors: Counter[str] = field(default_factory=Counter)

    @property
    def is_good(self) -> bool:
        """True if nothing was stuck, wrong, left open, or an unexpected error."""
        return not (self.stuck or self.wrong or self.left_open or self.errors)


class Trial:
    """A series of clients, used by several threads and interrupted in the main one."""

    def __init__(self, kind: str, folder: str, threads: int, seed: int) -> None:
        self.seen = Seen()
        self._open = KINDS[kind]
        self._folder = folder
        self._random = random.Random(seed)
        self._is_armed = False
        self._is_over = False
        self._struck = 0
        self._strikes = 1
        self._number = 0
        self._client = self._open(folder)
        self._threads = [threading.Thread(target=self._work) for _ in range(1, threads)]

    def run(self, interrupts: int) -> Seen:
        """Interrupt the clients the given number of times, and return the results."""
        before = signal.signal(signal.SIGALRM, self._strike)
        for thread in self._threads:
            thread.start()
        try:
            while self.seen.interrupts < interrupts and not self.seen.stuck:
                try:
                    self._interrupted_calls()
                except Interrupted:
                    pass
                self._is_armed = False
                signal.setitimer(signal.ITIMER_REAL, 0)
                self.seen.interrupts += self._struck
                self.seen.repeated += self._struck > 1
                self._look()
        finally:
            self._is_armed = False
            signal.setitimer(signal.ITIMER_REAL, 0)
            self._is_over = True
            for thread in self._threads:
                thread.join(4 * STUCK_AFTER)
                if thread.is_alive():
                    self.seen.stuck += 1
                    faulthandler.dump_traceback()
            self._client.close()
            signal.signal(signal.SIGALRM, before)
        return self.seen

    def _strike(self, signum: int, frame: object) -> None:
        if self._is_armed:
            self._struck += 1
            if self._struck < self._strikes:  # not a repeating timer, which may be too fast
                signal.setitimer(signal.ITIMER_REAL, self._random.uniform(SHORTEST, LONGEST / 4))
            raise Interrupted

    def _interrupted_calls(self) -> None:
        self._struck = 0
        again = self._random.random() < 1 / 3
        self._strikes = self._random.randint(2, 5) if again else 1
        delay = self._random.uniform(SHORTEST, LONGEST)
        call = self._random.choice((self._echo, self._echo, self._see_event, self._mark))
        try:
            self._is_armed = True
            signal.setitimer(signal.ITIMER_REAL, delay)
            for _ in range(CALLS):
                call(self._client)
        except ENDED:  # an interrupt after the call, or in another thread
            pass
        except Exception as error:
            self._note(error)

    def _look(self) -> None:
        """Check that the client works; if it is closed, open the next one."""
        start = monotonic()
        try:
            self._echo(self._client)
        except ENDED:
            self.seen.slowest = max(self.seen.slowest, monotonic() - start)
            if isinstance(self._client, Client) and self._client.is_closed:
                self.seen.closed += 1
                self._client.close()
                self._client = self._open(self._folder)
        except TimeoutError:
            self._note_stuck()
        except Exception as error:
            self._note(error)
        else:
            self.seen.slowest = max(self.seen.slowest, monotonic() - start)

    def _work(self) -> None:
        """Use the client, and the next one once it is closed."""
        while not self._is_over:
            client = self._client
            try:
                self._echo(client)
            except ENDED:
                sleep(1e-3)  # until the next client is open
            except TimeoutError:
                if client is self._client and not self._is_over:
                    self._note_stuck()
            except Exception as error:
                self._note(error)

    def _note_stuck(self) -> None:
        traceback.print_exc()
        channel = getattr(self._client, "_channel", None)
        session = getattr(channel, "session", None)
        names = getattr(type(session), "__slots__", ())
        state = {name: getattr(session, name) for name in names}
        print(f"the channel: {vars(channel)}\nits session: {state}", file=sys.stderr)
        self.seen.stuck += 1

    def _note(self, error: Exception) -> None:
        if not self.seen.errors:
            traceback.print_exc()
        self.seen.errors[f"{type(error).__name__}: {error}"] += 1

    # Operations on a client

    def _echo(self, client: AnyClient) -> None:
        self._number += 1
        asked: JsonObject = {"value": f"{threading.get_ident()}-{self._number}"}
        answered: Any = client.execute("echo", asked, timeout=STUCK_AFTER)
        self.seen.commands += 1
        if answered != asked:
            self.seen.wrong += 1
            print(f"found {answered}, expected {asked}", file=sys.stderr)

    def _see_event(self, client: AnyClient) -> None:
        if isinstance(client, Client):
            mark = client.event_mark()
            client.execute("emit", timeout=STUCK_AFTER, oob=self._number % 2 == 0)
            client.wait_event("TICK", since=mark, timeout=STUCK_AFTER)
        self._echo(client)

    def _mark(self, client: AnyClient) -> None:
        if isinstance(client, Client):
            with client.events("TICK"):
                client.event_mark()
        self._echo(client)


def run(kind: str, threads: int, interrupts: int, seed: int) -> Seen:
    """Interrupt one kind of client the given number of times, and return the results."""
    # An exception in a finalizer is only reported, and does no harm.
    sys.unraisablehook = lambda seen: None
    with serving() as folder:
        KINDS[kind](folder).close()  # everything that is imported or made once exists now
        before = len(os.listdir("/proc/self/fd"))
        seen = Trial(kind, folder, threads, seed).run(interrupts)
        seen.left_open = len(os.listdir("/proc/self/fd")) - before
    return seen


def main() -> int:
    """Run the command line above."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--interrupts", type=int, default=1000, metavar="N")
    parser.add_argument("--kind", choices=KINDS, default="plain")
    parser.add_argument("--threads", type=int, default=1, metavar="N")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    parser.add_argument("--serve", metavar="FOLDER", help=argparse.SUPPRESS)
    parser.add_argument("--answer", metavar="FD", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.serve)
        return 0
    if options.answer is not None:
        answer(socket.socket(fileno=options.answer), greets=True)
        return 0
    seen = run(options.kind, options.threads, options.interrupts, options.seed)
    python = ".".join(map(str, sys.version_info[:3]))
    how = {"python": python, "kind": options.kind, "threads": options.threads, "seed": options.seed}
    print(json.dumps({**how, **vars(seen)}))
    return 0 if seen.is_good else 1


if __name__ == "__main__":
    sys.exit(main())
