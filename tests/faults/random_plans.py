"""Random plans of faults between our clients and our monitor; ``make faults`` runs many of them.

Whatever a plan does, each command ends by its deadline, with its own value or with an error that
the documentation lists, and nothing is left behind at either end. A failure names the seed and the
plan's text.

Without ids a client can't notice a lost or doubled reply. So `swap-ids` is left out, and one plan
in ten may have `no-id`; its values aren't checked.
"""

import asyncio
import gc
import resource
import socket
import sys
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from qmpeer import AsyncClient, Client
from qmpeer.errors import (
    CommandError,
    CommandInterrupted,
    ConnectionClosed,
    NegotiationError,
)
from qmpeer.faults import Fault, Faults, Injector, random_faults
from qmpeer.monitor import Monitor
from qmpeer.transport.aio import open_stream
from qmpeer.values import JsonObject
from tests.patience import PATIENCE

DEADLINE: Final = 0.1
"""Seconds until a client gives up, where many plans run."""
ALLOWED: Final = (CommandError, CommandInterrupted, ConnectionClosed, TimeoutError)
COMMANDS: Final = ("qmp_capabilities", "echo", "stop", "cont")
ECHOES: Final = 6
AT_ONCE: Final = 40
"""Plans that run at the same time: most of their time is waiting for a deadline."""


class RandomPlans:
    """A monitor, and clients that talk to it through random plans.

    Args:
        deadline: Seconds until a client gives up; on a machine that stalls, before any fault.

    Attributes:
        failures: What went wrong, one text each.
        outcomes: How often commands ended in which way.
        happened: The number of faults that happened.
    """

    def __init__(self, deadline: float = DEADLINE) -> None:
        self._deadline = deadline
        self.failures: list[str] = []
        self.outcomes: Counter[str] = Counter()
        self.happened = 0
        self._monitor = Monitor()
        self._monitor.command("echo")(self._echo)
        self._monitor.command("stop")(lambda: self._monitor.emit("STOP"))
        self._monitor.command("cont")(lambda: self._monitor.emit("RESUME"))

    def _echo(self, number: int) -> int:
        return number

    async def run(self, seeds: range) -> None:
        """Run a plan for each seed with each client, and check that nothing is left."""
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: self.failures.append(f"{context}"))
        with ThreadPoolExecutor(AT_ONCE) as threads:
            rest = iter([(seed, talk) for seed in seeds for talk in (self._async, self._blocking)])

            async def run_some() -> None:
                for seed, talk in rest:
                    await self._run_one(seed, talk, threads)

            await asyncio.gather(*(run_some() for _ in range(AT_ONCE)))
        end = time.monotonic() + PATIENCE
        while self._monitor.connections and time.monotonic() < end:
            await asyncio.sleep(0.01)
        if self._monitor.connections:
            self.failures.append(f"{self._monitor.connections} connections are left")
        self._monitor.shutdown()
        await self._monitor.wait_closed()

    async def _run_one(
        self, seed: int, talk: Callable[..., Any], threads: ThreadPoolExecutor
    ) -> None:
        has_ids = seed % 10 != 0
        without = ["swap-ids", "no-id"] if has_ids else ["swap-ids"]
        plan = random_faults(seed, commands=COMMANDS, without=without)
        ours, theirs = socket.socketpair()
        injector = Injector(plan, seed=seed, happened=self._note)
        factory = injector.wrap(self._monitor.connection_factory())
        try:
            await open_stream(ours, factory, timeout=PATIENCE)
            async with asyncio.timeout(PATIENCE):
                await talk(theirs, threads, has_ids)
        except BaseException as error:
            self.failures.append(
                f"{talk.__name__}: {error!r}\n    --seed {seed}\n    {_indented(plan)}"
            )
        finally:
            theirs.close()

    def _note(self, fault: Fault, peer: str) -> None:
        self.happened += 1

    async def _async(self, sock: socket.socket, threads: ThreadPoolExecutor, has_ids: bool) -> None:
        try:
            vm = await AsyncClient.connect(
                sock, timeout=self._deadline, command_timeout=self._deadline
            )
        except (*ALLOWED, NegotiationError) as error:
            self._count(error)
            return
        async with vm:
            names = ["echo"] * ECHOES + ["stop", "cont"]
            made = await asyncio.gather(
                *(
                    vm.execute(name, {"number": number} if name == "echo" else None)
                    for number, name in enumerate(names)
                ),
                return_exceptions=True,
            )
            for number, value in enumerate(made[:ECHOES]):
                self._check(number, value, has_ids)
            for value in made[ECHOES:]:
                self._check({}, value, has_ids)

    async def _blocking(
        self, sock: socket.socket, threads: ThreadPoolExecutor, has_ids: bool
    ) -> None:
        await asyncio.get_running_loop().run_in_executor(threads, self._talk, sock, has_ids)

    def _talk(self, sock: socket.socket, has_ids: bool) -> None:
        try:
            vm = Client.connect(sock, timeout=self._deadline, command_timeout=self._deadline)
        except (*ALLOWED, NegotiationError) as error:
            self._count(error)
            return
        with vm:
            for number in range(ECHOES):
                name = ("echo", "stop", "echo", "cont")[number % 4]
                arguments: JsonObject | None = {"number": number} if name == "echo" else None
                value: object
                try:
                    value = vm.execute(name, arguments)
                except ALLOWED as error:
                    value = error
                expected: object = number if name == "echo" else {}
                self._check(expected, value, has_ids)
                if isinstance(value, TimeoutError):
                    break  # one deadline a plan is enough

    def _check(self, expected: object, value: object, has_ids: bool) -> None:
        if isinstance(value, ALLOWED):
            self._count(value)
        elif isinstance(value, BaseException):
            raise value
        else:
            assert value == expected or not has_ids, (
                f"found the reply {value!r}, expected {expected!r}"
            )
            self.outcomes["ok"] += 1

    def _count(self, error: BaseException) -> None:
        self.outcomes[type(error).__name__] += 1


def _indented(plan: Faults) -> str:
    return str(plan).replace("\n", "\n    ")


def memory() -> int:
    """Return the most memory that this process has had, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main() -> int:
    """Run the plans of a range of seeds; print the outcomes, and each failure."""
    first, count = (int(word) for word in [*sys.argv[1:], "0", "10000"][:2])
    warm_up = RandomPlans()
    asyncio.run(warm_up.run(range(first, first + min(count, 200))))
    gc.collect()
    before = memory()
    began = time.monotonic()
    plans = RandomPlans()
    asyncio.run(plans.run(range(first, first + count)))
    growth = memory() - before
    failures = warm_up.failures + plans.failures
    for failure in failures[:20]:
        print(failure)
    print(
        f"{count} plans with both clients in {time.monotonic() - began:.0f} s: "
        f"{plans.happened} faults happened; {dict(plans.outcomes)}; "
        f"{len(failures)} failures; memory grew by {growth >> 20} MiB"
    )
    return 1 if failures or growth > 64 << 20 else 0


if __name__ == "__main__":
    sys.exit(main())
