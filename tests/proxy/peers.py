"""Eight clients, five of them of others: each asks the same and waits for the same events.

    python -m tests.proxy.peers NAME PATH ROUNDS EVENTS

prints a line "ready" once the client has negotiated. It asks for so many rounds, and until so many
events have come. Then it prints what it got, as JSON. The clients for Node are in peers.cjs.
"""

import asyncio
import contextlib
import hashlib
import json
import subprocess
import sys
from collections.abc import Awaitable, Callable
from typing import Any, Final

PATIENCE: Final = 60.0
COMMANDS: Final[tuple[tuple[str, dict[str, Any]], ...]] = (
    ("query-name", {}),
    ("query-version", {}),
    ("query-commands", {}),
    ("query-qmp-schema", {}),
    ("human-monitor-command", {"command-line": "info version"}),
    ("bogus", {}),
    ("query-fdsets", {"a": 1}),
)
OUT_OF_BAND: Final = "query-yank"


class Answers:
    """The messages that a client got, and whether it has enough.

    Args:
        rounds: The rounds of commands to ask.
        events: The events to wait for.
    """

    def __init__(self, rounds: int, events: int) -> None:
        self._rounds = rounds
        self._wanted = events
        self._answers: dict[str, set[str]] = {}
        self.events: list[str] = []

    def add(self, name: str, value: Any) -> None:
        """Add the value, or the text of the error, of a command."""
        text = json.dumps(value, sort_keys=True)
        if len(text) > 1000:
            text = f"{len(text)} {hashlib.sha256(text.encode()).hexdigest()}"
        self._answers.setdefault(name, set()).add(text)

    def wants_more(self) -> bool:
        """Count a round; return True if there must be another one."""
        self._rounds -= 1
        return self._rounds >= 0 or len(self.events) < self._wanted

    def show(self) -> None:
        """Print everything."""
        answers = {name: sorted(values) for name, values in self._answers.items()}
        print(json.dumps({"answers": answers, "events": self.events}), flush=True)


def _ready() -> None:
    print("ready", flush=True)


async def qemu_qmp(path: str, answers: Answers) -> None:
    """Ask as the QEMU project's client."""
    from qemu.qmp import ExecuteError, QMPClient

    client = QMPClient("peer")
    await client.connect(path)
    _ready()

    async def ask(name: str, arguments: dict[str, Any], oob: bool = False) -> None:
        try:
            message = client.make_execute_msg(name, arguments or None, oob=oob)
            answers.add(f"{name} {oob}", await client.execute_msg(message))
        except ExecuteError as error:
            answers.add(f"{name} {oob}", str(error))

    with client.listener() as listener:
        while answers.wants_more():
            await asyncio.gather(
                *(ask(*command) for command in COMMANDS), ask(OUT_OF_BAND, {}, True)
            )
            while not listener.empty():
                answers.events.append(str((await listener.get())["event"]))
    await client.disconnect()


def legacy(path: str, answers: Answers) -> None:
    """Ask as its blocking client."""
    from qemu.qmp import ExecuteError
    from qemu.qmp.legacy import QEMUMonitorProtocol

    client = QEMUMonitorProtocol(path)
    client.settimeout(PATIENCE)
    client.connect()
    _ready()
    while answers.wants_more():
        for name, arguments in COMMANDS:
            try:
                answers.add(name, client.cmd(name, **arguments))
            except ExecuteError as error:
                answers.add(name, str(error))
        answers.events += [str(event["event"]) for event in client.get_events(wait=False)]
        client.clear_events()
    client.close()


def qmp_1_1(path: str, answers: Answers) -> None:
    """Ask as the oldest client, qmp 1.1.0."""
    from qmp import QEMUMonitorProtocol

    client = QEMUMonitorProtocol(path)
    client.settimeout(PATIENCE)
    client.connect()
    _ready()
    while answers.wants_more():
        for name, arguments in COMMANDS:
            answers.add(name, client.cmd(name, arguments, cmd_id=[name, None]))
        # Those that came before a reply; its other way of reading may lose a part of a line.
        answers.events += [event["event"] for event in client._QEMUMonitorProtocol__events]
        client.clear_events()
    client.close()


async def ours_async(path: str, answers: Answers) -> None:
    """Ask as AsyncClient."""
    from qmpeer import AsyncClient, CommandError

    async with await AsyncClient.connect(path, command_timeout=PATIENCE) as client:
        _ready()

        async def ask(name: str, arguments: dict[str, Any], oob: bool = False) -> None:
            try:
                answers.add(f"{name} {oob}", await client.execute(name, arguments, oob=oob))
            except CommandError as error:
                answers.add(f"{name} {oob}", [error.error_class, error.desc])

        async with client.events() as events:
            while answers.wants_more():
                await asyncio.gather(
                    *(ask(*command) for command in COMMANDS), ask(OUT_OF_BAND, {}, True)
                )
                with contextlib.suppress(TimeoutError):
                    while True:
                        answers.events.append((await events.next(0.001)).name)


def ours(path: str, answers: Answers) -> None:
    """Ask as Client."""
    from qmpeer import Client, CommandError

    with Client.connect(path, command_timeout=PATIENCE) as client, client.events() as events:
        _ready()
        while answers.wants_more():
            for name, arguments in (*COMMANDS, (OUT_OF_BAND, {})):
                try:
                    value = client.execute(name, arguments, oob=name == OUT_OF_BAND)
                    answers.add(name, value)
                except CommandError as error:
                    answers.add(name, [error.error_class, error.desc])
            with contextlib.suppress(TimeoutError):
                while True:
                    answers.events.append(events.next(0.001).name)


def shell(path: str, answers: Answers) -> None:
    """Ask as the QEMU project's qmp-shell, which reads lines and shows Python's and JSON values."""
    command = [sys.executable, "-m", "qemu.qmp.qmp_shell", path]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.readline()
        connected = process.stdout.readline()
        answers.add("greeting", connected)
        _ready()
        while answers.wants_more():
            for name in ("query-name", "query-version", "query-qmp-schema", "bogus"):
                process.stdin.write(f"\n{name}\n")  # an empty line shows events
                process.stdin.flush()
                while True:
                    line = process.stdout.readline().replace("(QEMU) ", "")
                    assert line, "the shell ended"
                    if "'event': " in line:
                        answers.events.append(line.partition("'event': '")[2].partition("'")[0])
                    elif line.startswith("{"):
                        answers.add(name, line)
                        break
        process.stdin.close()
        process.stdout.read()


PEERS: Final[dict[str, Callable[[str, Answers], Awaitable[None] | None]]] = {
    "qemu-qmp": qemu_qmp,
    "legacy": legacy,
    "qmp-1.1": qmp_1_1,
    "AsyncClient": ours_async,
    "Client": ours,
    "qmp-shell": shell,
}


async def _awaited(waiting: Awaitable[None]) -> None:
    async with asyncio.timeout(PATIENCE):
        await waiting


def main() -> None:
    """Ask as one of the clients, and print what it got."""
    name, path, rounds, events = sys.argv[1:]
    answers = Answers(int(rounds), int(events))
    waiting = PEERS[name](path, answers)
    if waiting is not None:
        asyncio.run(_awaited(waiting))
    answers.show()


if __name__ == "__main__":
    main()
