"""A program that interrupts its blocking client at random moments, and sees what is left of it.

A signal's handler raises in the main thread, often a second time while the first is cleaned up.
The command is then answered, interrupted, or its connection is closed, and the next one works or
raises ConnectionClosed at once. The program prints in one line what it has seen; its status is 1 if
a command got a wrong answer or none.
"""

import argparse
import itertools
import json
import random
import signal
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from pathlib import Path
from time import monotonic, sleep
from types import FrameType
from typing import Final

from qmpeer import Client, CommandInterrupted, ConnectionClosed

AT_ONCE: Final = 0.1
PATIENCE: Final = 10.0
SERVER: Final = """
import sys
from qmpeer import Monitor
monitor = Monitor()
@monitor.command("echo")
def echo(value: int) -> int:
    return value
monitor.start(sys.argv[1], many=True)
sys.stdin.read()
monitor.stop()
"""


class Struck(BaseException):
    """What the signal's handler raises."""


class Trial:
    """One client, interrupted again and again in the main thread, and shared with other threads."""

    def __init__(self, address: str, seed: int) -> None:
        self.counts: Counter[str] = Counter()
        self.longest = 0.0
        self.is_over = False
        self.client = Client.connect(address, wait_for_socket=True)
        self._address = address
        self._chance = random.Random(seed)
        self._strikes_left = 0
        signal.signal(signal.SIGALRM, self._strike)

    def _strike(self, signum: int, frame: FrameType | None) -> None:
        if self._strikes_left > 0:
            self._strikes_left -= 1
            if self._strikes_left:
                signal.setitimer(signal.ITIMER_REAL, self._chance.uniform(1e-6, 3e-5))
            raise Struck

    def run(self, interrupts: int) -> None:
        """Interrupt it so many times."""
        numbers = itertools.count()
        while self.counts["interrupts"] < interrupts:
            strikes = self._chance.choice((1, 1, 2))
            try:
                self._strikes_left = strikes
                signal.setitimer(signal.ITIMER_REAL, self._chance.uniform(2e-5, 6e-4))
                for _ in range(200):
                    self._check(next(numbers))
            except Struck:
                self._strikes_left = 0  # a store: nothing strikes before it
                self.counts["interrupts"] += 1
            self._strikes_left = 0
            self._go_on(next(numbers))
        self.is_over = True

    def _check(self, number: int) -> None:
        if self.client.execute("echo", {"value": number}, timeout=PATIENCE) != number:
            self.counts["wrong"] += 1

    def _go_on(self, number: int) -> None:
        """Take the next command, and another connection if this one is closed."""
        start = monotonic()
        try:
            self._check(number)
        except ConnectionClosed:
            self.counts["closed"] += 1
            elapsed = monotonic() - start
            before, self.client = self.client, Client.connect(self._address)
            before.close()
        except Exception as error:
            self.counts[f"stuck: {type(error).__name__}"] += 1
            self.client = Client.connect(self._address)
            elapsed = monotonic() - start
        else:
            elapsed = monotonic() - start
        self.longest = max(self.longest, elapsed)
        self.counts["late"] += elapsed > AT_ONCE

    def share(self, first: int) -> None:
        """Use the client in another thread, which no signal strikes, until all is over."""
        for number in itertools.count(first):
            if self.is_over:
                return
            client, start = self.client, monotonic()
            try:
                if client.execute("echo", {"value": -number}, timeout=PATIENCE) != -number:
                    self.counts["wrong"] += 1
            except (ConnectionClosed, CommandInterrupted):
                while self.client is client and not self.is_over:
                    sleep(0.001)
            except TimeoutError:
                self.counts["stuck: another thread"] += 1
            self.counts["late in another thread"] += monotonic() - start > 1.0


def main(argv: list[str] | None = None) -> int:
    """Run the trial as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--interrupts", type=int, default=1000)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        address = f"unix:{Path(folder) / 'monitor'}"
        server = subprocess.Popen([sys.executable, "-c", SERVER, address], stdin=subprocess.PIPE)
        trial = Trial(address, options.seed)
        others = [
            threading.Thread(target=trial.share, args=(number << 32,), daemon=True)
            for number in range(1, options.threads)
        ]
        for thread in others:
            thread.start()
        trial.run(options.interrupts)
        for thread in others:
            thread.join(2 * PATIENCE)
            trial.counts["hung"] += thread.is_alive()
        trial.client.close()
        server.communicate(timeout=PATIENCE)
    counts = {name: count for name, count in trial.counts.items() if count}
    python = ".".join(map(str, sys.version_info[:3]))
    longest = round(1000 * trial.longest, 1)
    print(
        json.dumps(
            {
                "python": python,
                "threads": options.threads,
                "seed": options.seed,
                **counts,
                "longest_ms": longest,
            }
        )
    )
    return any(name.startswith(("wrong", "stuck", "hung")) for name in counts)


if __name__ == "__main__":
    sys.exit(main())
