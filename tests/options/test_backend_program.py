"""A program whose monitors share one raw backend."""

import asyncio
import signal
from pathlib import Path

from qmpeer import AsyncClient
from qmpeer.messages import CommandMessage
from qmpeer.monitor import RawClient
from qmpeer.monitor.backend import Reply
from qmpeer.options.backend_program import BackendProgram
from qmpeer.options.controlled import Controlled
from qmpeer.options.running import run_program
from qmpeer.options.signals import OnSignal
from qmpeer.transport.aio import HandlerFactory
from qmpeer.values import JsonObject
from tests.options.program import parse
from tests.patience import PATIENCE

GREETING: JsonObject = {"QMP": {"version": {}, "capabilities": []}}


class Parrot:
    """A raw backend that answers with the command's name."""

    window = 1

    def open_session(self, client: RawClient) -> "ParrotSession":
        client.greet(GREETING)
        return ParrotSession(client)


class ParrotSession:
    def __init__(self, client: RawClient) -> None:
        self._client = client

    def execute(self, command: CommandMessage) -> None:
        self._client.deliver(Reply(command, command.name))

    def close(self) -> None: ...


async def test_the_observer_stands_before_the_faults(tmp_path: Path) -> None:
    address = f"{tmp_path}/q"
    options = parse(["-qmp", f"unix:{address},server=on,wait=off", "--fault", "cut after=stop"])
    ready = asyncio.Event()
    signals: list[OnSignal] = []
    wrapped: list[HandlerFactory] = []
    reports: list[str] = []

    def observe(factory: HandlerFactory) -> HandlerFactory:
        wrapped.append(factory)
        return factory

    program = BackendProgram(options, Parrot(), Controlled("parrot"), reports.append, observe)
    injector = program.disturbance.injector
    assert injector is not None
    running = asyncio.create_task(
        run_program(program, options, reports.append, ready.set, signals.append)
    )
    async with asyncio.timeout(PATIENCE):
        await ready.wait()
        async with await AsyncClient.connect(f"unix:{address}") as client:
            assert await client.execute("polly") == "polly"
        (when_signalled,) = signals
        when_signalled(signal.SIGTERM, "")
        assert await running == 0
    assert len(wrapped) == 1
    assert "faults" in wrapped[0].__qualname__.lower() or "faults" in wrapped[0].__module__
    assert reports == ["terminating on signal 15"]
    assert not Path(address).exists()
