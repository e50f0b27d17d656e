"""Human monitors on real sockets, beside QMP's: order, events, history, floods, ends."""

import asyncio
import queue
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from qmpeer import limits
from qmpeer.errors import CommandError
from qmpeer.monitor import Context, Monitor
from qmpeer.monitor.human import HumanContext
from qmpeer.monitor.human_connection import HumanConnection
from qmpeer.transport.aio import Stream
from tests.monitor.conftest import Connect
from tests.monitor.raw_client import RawClient, until
from tests.patience import PATIENCE
from tests.transcripts.memory_stream import MemoryStream

BANNER = b"QEMU 7.2.0 monitor - type 'help' for more information\r\n"
PROMPT = b"(qemu) "
Open = Callable[[], Awaitable[RawClient]]


@pytest_asyncio.fixture
async def sit(monitor: Monitor, tmp_path: Path) -> AsyncIterator[Open]:
    """Return a function that connects a terminal to the monitor's human monitor."""
    await monitor.listen(tmp_path / "qmp", many=True)  # what `connect` connects to
    path = tmp_path / "hmp"
    await monitor.listen(path, many=True, human=True)
    clients: list[RawClient] = []

    async def open_terminal() -> RawClient:
        client = await RawClient.dial(path)
        clients.append(client)
        assert await client.receive_bytes(PROMPT) == BANNER
        return client

    yield open_terminal
    for client in clients:
        client.close()


async def printed(terminal: RawClient, line: bytes) -> bytes:
    """Enter a line; return what it prints."""
    terminal.send(line + b"\r")
    echo, _, text = (await terminal.receive_bytes(b"\r\n" + PROMPT)).partition(b"\r\n")
    assert echo == line
    return text


@pytest.fixture
def noted(monitor: Monitor) -> list[str]:
    """QMP and human commands, also slow and blocking ones, that record their execution."""
    notes: list[str] = []

    def note(name: str) -> str:
        notes.append(name)
        return name

    async def slow(name: str) -> str:
        notes.append(name)
        async with asyncio.timeout(PATIENCE):
            while "go" not in notes:
                await asyncio.sleep(0)
        return name

    def block(name: str) -> str:
        notes.append(name)
        assert released.wait(PATIENCE)
        return name

    def release() -> None:
        notes.append("release")
        released.set()

    released = threading.Event()
    for register in (monitor.command, monitor.human_command):
        register("note")(note)
        register("slow")(slow)
        register("block", exclusive=True)(block)
    monitor.command("release", allow_oob=True)(release)

    @monitor.command("human-monitor-command")
    def run(
        command_line: str, cpu_index: int | None = None, *, context: Context
    ) -> str | Awaitable[str]:
        return monitor.run_human(command_line, context, cpu_index=cpu_index)

    return notes


async def test_lines_are_executed_and_errors_printed(monitor: Monitor, sit: Open) -> None:
    @monitor.human_command("eject")
    def eject(device: str, force: bool = False) -> str:
        if device == "nope":
            raise CommandError("DeviceNotFound", f"Device '{device}' not found")
        return f"{device} {force}"

    terminal = await sit()
    assert await printed(terminal, b"eject -f cd0") == b"cd0 True"
    assert await printed(terminal, b"eject nope") == b"Error: Device 'nope' not found"
    assert await printed(terminal, b"bogus") == b"unknown command: 'bogus'"
    terminal.send(b"\r\n")
    assert await terminal.receive_bytes(PROMPT) == b"\r\n"
    assert await terminal.receive_bytes(PROMPT) == b"\r\n"


async def test_a_line_has_its_turn_among_commands(
    monitor: Monitor, sit: Open, connect: Connect, noted: list[str]
) -> None:
    """Lines wait for a blocking QMP command, and commands wait for a blocking line."""
    program, terminal, other = await connect(oob=True), await sit(), await connect()
    program.send({"execute": "block", "arguments": {"name": "a"}})
    await until(lambda: noted == ["a"])
    terminal.send(b"block b\r")
    await terminal.receive_bytes(b"\r\n")  # it is entered, and waits
    other.send({"execute": "note", "arguments": {"name": "c"}})
    assert noted == ["a"]
    program.send({"exec-oob": "release"})
    assert await program.receive() == {"return": {}}
    assert await program.receive() == {"return": "a"}
    assert await terminal.receive_bytes(b"\r\n" + PROMPT) == b"b"
    assert await other.receive() == {"return": "c"}
    assert noted == ["a", "release", "b", "c"]


async def test_a_line_that_blocks_keeps_commands_back(
    monitor: Monitor, sit: Open, connect: Connect, noted: list[str]
) -> None:
    program, terminal = await connect(oob=True), await sit()
    terminal.send(b"block b\r")
    await until(lambda: noted == ["b"])
    program.send({"execute": "note", "arguments": {"name": "c"}}, {"exec-oob": "release"})
    assert await program.receive() == {"return": {}}
    assert await program.receive() == {"return": "c"}
    assert await terminal.receive_bytes(PROMPT) == b"block b\r\nb\r\n"
    assert noted == ["b", "release", "c"]


async def test_a_line_made_of_a_command_that_blocks_does_too(
    monitor: Monitor, sit: Open, connect: Connect, noted: list[str]
) -> None:
    monitor.human_from_qmp("block", "hold")
    program, terminal = await connect(oob=True), await sit()
    terminal.send(b"hold b\r")
    await until(lambda: noted == ["b"])
    program.send({"execute": "note", "arguments": {"name": "c"}}, {"exec-oob": "release"})
    assert await program.receive() == {"return": {}}
    assert await program.receive() == {"return": "c"}
    assert await terminal.receive_bytes(PROMPT) == b"hold b\r\nb\r\n"
    assert noted == ["b", "release", "c"]


async def test_human_monitors_have_nothing_in_common_but_commands(
    monitor: Monitor, tmp_path: Path
) -> None:
    """Each address is a separate monitor with its own history, line and keys."""
    monitor.human_command("note")(lambda: "noted")
    clients = []
    for name in ("a", "b"):
        await monitor.listen(tmp_path / name, human=True)
        clients.append(await RawClient.dial(tmp_path / name))
        assert await clients[-1].receive_bytes(PROMPT) == BANNER
    one, other = clients
    one.send(b"not")
    assert await printed(other, b"info history") == b"0: 'info history'"
    one.send(b"e\r\x1b[A")
    assert await one.receive_bytes(PROMPT) == b"note\r\nnoted\r\n"
    assert await printed(other, b"note") == b"noted"
    for client in clients:
        client.close()


async def test_keys_may_come_in_pieces(monitor: Monitor, sit: Open) -> None:
    terminal = await sit()
    for piece in (b"p 12\x1b", b"[", b"D", b"+\xc3", b"\xa9\x08\r"):
        terminal.send(piece)
        for _ in range(20):
            await asyncio.sleep(0)
    text = await terminal.receive_bytes(b"\r\n" + PROMPT)
    assert text.endswith(b"\r\n0x3")


async def test_an_async_line_keeps_back_its_own_terminal_only(
    monitor: Monitor, sit: Open, connect: Connect, noted: list[str]
) -> None:
    one, other, program = await sit(), await sit(), await connect()
    one.send(b"slow s\rnote after\r")
    await until(lambda: noted == ["s"])
    assert await printed(other, b"note other") == b"other"
    answer = await program.execute("note", {"name": "program"})
    assert answer == {"return": "program"}
    assert noted == ["s", "other", "program"]
    noted.append("go")
    assert await one.receive_bytes(PROMPT) == b"slow s\r\ns\r\n"
    assert await one.receive_bytes(PROMPT) == b"note after\r\nafter\r\n"


async def test_lines_of_programs_wait_like_others(
    monitor: Monitor, connect: Connect, noted: list[str]
) -> None:
    def run(line: str, id: str) -> dict[str, Any]:
        arguments = {"command-line": line, "cpu-index": 1}
        return {"execute": "human-monitor-command", "arguments": arguments, "id": id}

    program, other = await connect(oob=True), await connect()
    program.send(run("block b", "1"), run("note n", "2"), run("slow s", "3"))
    await until(lambda: noted == ["b"])
    other.send({"execute": "note", "arguments": {"name": "c"}})
    program.send({"exec-oob": "release", "id": "4"})
    assert await program.receive() == {"return": {}, "id": "4"}
    assert await program.receive() == {"return": "b\r\n", "id": "1"}
    assert await program.receive() == {"return": "n\r\n", "id": "2"}
    assert await other.receive() == {"return": "c"}
    assert noted[:2] == ["b", "release"]
    noted.append("go")
    assert await program.receive() == {"return": "s\r\n", "id": "3"}


async def test_events_are_for_programs_only(monitor: Monitor, sit: Open, connect: Connect) -> None:
    monitor.human_command("stop")(lambda: monitor.emit("STOP"))
    program, terminal = await connect(), await sit()
    assert await printed(terminal, b"stop") == b""
    assert (await program.receive())["event"] == "STOP"
    assert terminal.is_silent()


async def test_history_outlives_connections_and_is_shared(monitor: Monitor, sit: Open) -> None:
    first = await sit()
    await printed(first, b"one")
    first.close()
    second, third = await sit(), await sit()
    second.send(b"\x1b[A\r")
    assert await second.receive_bytes(PROMPT) == b"one\r\nunknown command: 'one'\r\n"
    assert await printed(third, b"info history") == b"0: 'one'\r\n1: 'info history'"


async def test_a_cpu_that_was_chosen_stays_chosen(monitor: Monitor, sit: Open) -> None:
    @monitor.human_command("cpu")
    def choose(index: int, context: HumanContext) -> None:
        context.state.cpu_index = index

    @monitor.human_command("info cpus")
    def show(context: HumanContext) -> str:
        return f"{context.state.cpu_index} {context.is_interactive}"

    terminal = await sit()
    assert await printed(terminal, b"info cpus") == b"None True"
    assert await printed(terminal, b"cpu 2") == b""
    assert await printed(await sit(), b"info cpus") == b"2 True"
    assert monitor.run_human("cpu 3") == ""
    assert monitor.run_human("info cpus") == "None False\r\n"
    assert monitor.run_human("info cpus", cpu_index=5) == "5 False\r\n"


async def test_an_internal_error_is_printed_and_logged(
    monitor: Monitor, sit: Open, caplog: pytest.LogCaptureFixture
) -> None:
    @monitor.human_command("fail")
    def fail() -> None:
        raise RuntimeError("broken")

    @monitor.human_command("fail-later")
    async def fail_later() -> object:
        return [object]  # written for people as it is

    terminal = await sit()
    assert await printed(terminal, b"fail") == b"Error: Internal error in fail: broken"
    assert "the handler of fail failed" in caplog.text
    assert await printed(terminal, b"fail-later") == b"- <class 'object'>"


async def test_secrets_are_not_logged(
    monitor: Monitor, sit: Open, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", "qmpeer.monitor")
    terminal = await sit()
    await printed(terminal, b"set_password vnc hunter2")
    await printed(terminal, b"note this")
    assert "hunter2" not in caplog.text
    assert "< note this" in caplog.text


async def test_a_flood_of_lines_keeps_nobody_waiting(
    monitor: Monitor, sit: Open, connect: Connect
) -> None:
    """Many lines that came at once are executed in groups; other clients come in between."""
    executed = 0

    @monitor.human_command("n")
    def count() -> None:
        nonlocal executed
        executed += 1

    @monitor.command("executed")
    def tell() -> int:
        return executed

    program, terminal = await connect(), await sit()
    lines = 4000
    flood = asyncio.create_task(terminal.send_all(b"n\r" * lines))
    await until(lambda: executed)
    seen = (await program.execute("executed"))["return"]
    assert 0 < seen < lines
    for _ in range(lines):
        await terminal.receive_bytes(PROMPT)
    await flood
    assert executed == lines


async def test_who_reads_nothing_is_not_read_from(monitor: Monitor, sit: Open) -> None:
    executed = 0

    @monitor.human_command("much")
    def much() -> str:
        nonlocal executed
        executed += 1
        return "x" * 100_000

    terminal = await sit()
    terminal.send(b"much\r" * 200)
    most = limits.UNSENT_OUTPUT // 100_000 + 20  # what the kernel takes is on top
    seen = -1
    while seen != executed:
        seen = executed
        for _ in range(100):
            await asyncio.sleep(0)
    assert 0 < executed < most
    for _ in range(200):
        await terminal.receive_bytes(PROMPT)
    assert executed == 200


async def test_what_was_entered_is_executed_before_the_end(monitor: Monitor, sit: Open) -> None:
    monitor.human_command("note")(lambda: "noted")
    terminal = await sit()
    terminal.send(b"note\rno")
    terminal.sock.shutdown(1)
    rest = await terminal.receive_rest()
    assert rest == b"note\r\nnoted\r\n" + PROMPT + b"no"
    await until(lambda: monitor.connections == 0)


async def test_a_terminal_that_leaves_takes_nothing_with_it(
    monitor: Monitor, sit: Open, noted: list[str]
) -> None:
    terminal = await sit()
    terminal.send(b"slow s\r")
    await until(lambda: noted == ["s"])
    terminal.close()
    await until(lambda: monitor.connections == 0)
    noted.append("go")
    assert await printed(await sit(), b"note n") == b"n"


async def test_shutdown_waits_for_a_line(monitor: Monitor, sit: Open, noted: list[str]) -> None:
    terminal = await sit()
    terminal.send(b"slow s\rnote never\r")
    await until(lambda: noted == ["s"])
    monitor.shutdown()
    noted.append("go")
    assert await terminal.receive_rest() == b"slow s\r\ns\r\n"
    assert "never" not in noted


async def test_no_prompt_stands_behind_the_last_line(monitor: Monitor, sit: Open) -> None:
    @monitor.human_command("quit")
    def leave() -> str:
        monitor.shutdown()
        return "bye"

    terminal, other = await sit(), await sit()
    terminal.send(b"quit\rnote never\r")
    assert await terminal.receive_rest() == b"quit\r\nbye\r\n"
    assert await other.receive_rest() == b""


async def test_focus_of_a_mux(monitor: Monitor) -> None:
    stream = MemoryStream()
    connection = monitor.human_connection_factory(focused=False)(stream)
    assert stream.take() == BANNER
    connection.focus_gained()
    assert stream.take() == PROMPT
    connection.focus_lost()
    assert stream.take() == b"\r\n"
    connection.connection_lost(None)


async def test_banner_and_prompt_can_be_others(monitor: Monitor) -> None:
    stream: Stream = MemoryStream()
    make = monitor.human_connection_factory(prompt="> ", greeting="hi\n")
    connection = make(stream)
    assert isinstance(connection, HumanConnection)
    assert stream.take() == b"hi\r\n> "  # type: ignore[attr-defined]  # it is a MemoryStream
    connection.connection_lost(None)


async def test_a_human_monitor_cannot_be_pretty(monitor: Monitor, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="pretty"):
        await monitor.listen(tmp_path / "x", pretty=True, human=True)


def test_handlers_run_where_the_caller_says(tmp_path: Path) -> None:
    """Beside a main loop, sync handlers of lines and of programs run there, async ones don't."""
    monitor = Monitor(name="test", version=(7, 2, 0))
    works: queue.Queue[Callable[[], None]] = queue.Queue()
    me = threading.get_ident()

    @monitor.human_command("where")
    def where() -> str:
        return str(threading.get_ident() == me)

    @monitor.human_command("block", blocking=True)
    def block() -> str:
        return str(threading.get_ident() == me)

    @monitor.human_command("later")
    async def later() -> str:
        return str(threading.get_ident() == me)

    @monitor.command("human-monitor-command")
    def run(command_line: str) -> Any:
        return monitor.run_human(command_line)

    monitor.start(call=works.put)
    try:
        with sitting(monitor, human=True) as terminal:
            assert receive_until(terminal, PROMPT) == BANNER + PROMPT
            for line, answer in ((b"where", b"True"), (b"block", b"True"), (b"later", b"False")):
                terminal.sendall(line + b"\r")
                if line != b"later":
                    works.get(timeout=PATIENCE)()
                assert receive_until(terminal, PROMPT) == line + b"\r\n" + answer + b"\r\n" + PROMPT
        with sitting(monitor, human=False) as program:
            program.sendall(b"{'execute':'qmp_capabilities'}")
            receive_until(program, b'{"return": {}}\r\n')
            for line, answer in ((b"where", b"True"), (b"block", b"True"), (b"later", b"False")):
                arguments = b"{'command-line':'%s'}" % line
                program.sendall(b"{'execute':'human-monitor-command','arguments':%s}" % arguments)
                works.get(timeout=PATIENCE)()
                answered = receive_until(program, b"}\r\n")
                assert answered == b'{"return": "%s\\r\\n"}\r\n' % answer
    finally:
        monitor.stop()


def sitting(monitor: Monitor, human: bool) -> socket.socket:
    ours, theirs = socket.socketpair()
    ours.settimeout(PATIENCE)
    monitor.attach(theirs, human=human)
    return ours


def receive_until(sock: socket.socket, end: bytes) -> bytes:
    data = b""
    while not data.endswith(end):
        more = sock.recv(4096)
        assert more
        data += more
    return data
