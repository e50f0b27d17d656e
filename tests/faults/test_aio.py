"""The asyncio shell: a faulty stream between a raw stream and a handler.

Modules: process.
"""

import asyncio
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from qmpeer import limits
from qmpeer.faults import Fault, Faults, Injector, ProcessFaults, parse_fault
from qmpeer.transport.aio import HandlerFactory, Stream, StreamHandler
from qmpeer.transport.aio.stream import NOBODY
from tests.patience import PATIENCE
from tests.transport.recorder import Recorder, spin


class Raw(Stream):
    """A stream whose peer is the test."""

    def __init__(self, *, carries_fds: bool = True, can_write_eof: bool = True) -> None:
        self.calls: list[str] = []
        self.sent = b""
        self.fds: list[int] = []
        self.is_paused = False
        self.handler: StreamHandler = NOBODY
        self._carries_fds = carries_fds
        self._can_write_eof = can_write_eof

    def write(self, data: bytes, fds: Sequence[int] = ()) -> None:
        if fds and not self._carries_fds:
            raise ValueError("descriptors travel over unix sockets only")
        self.sent += data
        self.fds += [os.dup(fd) for fd in fds]

    def write_eof(self) -> None:
        self.calls.append("write_eof")

    @property
    def can_write_eof(self) -> bool:
        return self._can_write_eof

    @property
    def carries_fds(self) -> bool:
        return self._carries_fds

    def pause_reading(self) -> None:
        self.is_paused = True

    def resume_reading(self) -> None:
        self.is_paused = False

    def close(self) -> None:
        self._end("close")

    def abort(self) -> None:
        self._end("abort")

    def reset(self) -> None:
        self._end("reset")

    def _end(self, call: str) -> None:
        self.calls.append(call)
        asyncio.get_running_loop().call_soon(self.handler.connection_lost, None)

    @property
    def unsent(self) -> int:
        return 0

    @property
    def peer(self) -> str:
        return "raw"


class Scene:
    """A raw stream, a faulty stream on it, and its handler."""

    def __init__(self, *faults: str, raw: Raw | None = None) -> None:
        self.raw = raw or Raw()
        self.happened: list[str] = []
        injector = Injector(Faults(faults), happened=self._note)
        self.made: list[Recorder] = []
        self.raw.handler = injector.wrap(self._make)(self.raw)

    def _make(self, stream: Stream) -> Recorder:
        self.made.append(Recorder(stream))
        return self.made[-1]

    def _note(self, fault: Fault, peer: str) -> None:
        assert peer == "raw"
        self.happened.append(str(fault))

    @property
    def handler(self) -> Recorder:
        return self.made[0]

    @property
    def stream(self) -> Stream:
        return self.handler.stream

    def receive(self, data: bytes, fds: Sequence[int] = ()) -> None:
        self.raw.handler.data_received(data, fds)

    async def until(self, is_so: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not is_so():
                await asyncio.sleep(0.001)


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for fd in ends:
        try:
            os.close(fd)
        except OSError:
            pass


def is_open(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


async def test_without_a_fault_the_handler_has_the_raw_stream() -> None:
    scene = Scene("cut connection=2")
    assert scene.raw.handler is scene.handler
    assert scene.stream is scene.raw


async def test_bytes_pass_at_once() -> None:
    scene = Scene("drop event=X")
    scene.receive(b'{"execute": "a"}')
    assert scene.handler.data == b'{"execute": "a"}'
    scene.stream.write(b'{"return": {}}\r\n')
    assert scene.raw.sent == b'{"return": {}}\r\n'


async def test_connections_are_counted_over_all_factories() -> None:
    injector = Injector(Faults(["refuse connection=3"]))

    def make(stream: Stream) -> Recorder:
        return Recorder(stream)

    raws = [Raw() for _ in range(4)]
    factories: list[HandlerFactory] = [injector.wrap(make), injector.wrap(make)]
    for number, raw in enumerate(raws):
        raw.handler = factories[number % 2](raw)
    assert [raw.calls for raw in raws] == [[], [], ["reset"], []]
    assert injector.connections == 4
    await spin()


async def test_a_refused_connection_has_no_handler() -> None:
    scene = Scene("refuse")
    assert scene.raw.calls == ["reset"]
    assert not scene.made
    scene.receive(b"late", ())
    scene.raw.handler.eof_received()
    await spin()


@pytest.mark.parametrize(
    ("fault", "calls"),
    [
        ("cut after=stop", ["close"]),
        ("cut after=stop how=reset", ["reset"]),
        ("cut after=stop how=half-close", ["write_eof"]),
    ],
)
async def test_cuts(fault: str, calls: list[str]) -> None:
    scene = Scene(fault)
    scene.stream.write(b'{"QMP": {}}\r\n')
    scene.receive(b'{"execute": "stop"}')
    scene.stream.write(b"lost")
    scene.receive(b" more")
    assert scene.raw.calls == calls
    assert scene.raw.sent == b'{"QMP": {}}\r\n'
    assert scene.happened == [fault]
    await spin()
    assert scene.handler.is_lost is ("half" not in fault)
    assert (b"more" in scene.handler.data) is ("half" in fault)


async def test_half_a_close_where_there_is_none_closes() -> None:
    scene = Scene("cut how=half-close after=stop", raw=Raw(can_write_eof=False))
    scene.receive(b'{"execute": "stop"}')
    assert scene.raw.calls == ["close"]
    await spin()


async def test_the_end_of_the_clients_bytes_waits_for_them() -> None:
    scene = Scene("delay sender=client seconds=0.2")
    scene.receive(b"late")
    scene.raw.handler.eof_received()
    assert not scene.handler.has_eof
    await scene.handler.until(lambda: scene.handler.has_eof)
    assert scene.handler.data == b"late"


async def test_close_sends_what_is_held_back() -> None:
    scene = Scene("delay seconds=0.2")
    scene.stream.write(b"last words")
    assert scene.stream.unsent == 10
    scene.stream.close()
    scene.stream.close()
    scene.stream.write(b"lost")
    scene.receive(b"unheard")
    assert scene.raw.calls == []
    await scene.handler.until_lost()
    assert (scene.raw.sent, scene.raw.calls) == (b"last words", ["close"])
    assert scene.handler.data == b""


async def test_close_waits_for_a_bounded_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "CLOSE_TIMEOUT", 0.01)
    scene = Scene("stall")
    scene.stream.write(b"never sent")
    scene.stream.close()
    await scene.handler.until_lost()
    assert (scene.raw.sent, scene.raw.calls) == (b"", ["close"])


@pytest.mark.parametrize("how", ["abort", "reset"])
async def test_abort_drops_what_is_held_back(how: str) -> None:
    scene = Scene("delay seconds=10")
    scene.stream.write(b"never sent")
    getattr(scene.stream, how)()
    await scene.handler.until_lost()
    assert (scene.raw.sent, scene.raw.calls) == (b"", [how])


async def test_write_eof_stays_behind_the_bytes() -> None:
    scene = Scene("delay seconds=0.2")
    scene.stream.write(b"last")
    scene.stream.write_eof()
    assert scene.raw.calls == []
    await scene.until(lambda: bool(scene.raw.calls))
    assert (scene.raw.sent, scene.raw.calls) == (b"last", ["write_eof"])


# --- Pausing ------------------------------------------------------------------------------------


async def test_a_handler_that_pauses_gets_nothing() -> None:
    scene = Scene("delay sender=client seconds=0.2")
    scene.receive(b"one")
    scene.stream.pause_reading()
    assert scene.raw.is_paused
    await asyncio.sleep(0.25)
    assert scene.handler.data == b""
    scene.stream.resume_reading()
    assert scene.handler.data == b""  # never from within the handler's call
    await scene.handler.until_data(3)
    assert not scene.raw.is_paused


async def test_a_stalled_client_is_not_read() -> None:
    scene = Scene("stall sender=client after=stop seconds=0.2")
    scene.receive(b'{"execute": "stop"}')
    assert scene.raw.is_paused
    await scene.until(lambda: not scene.raw.is_paused)
    assert not scene.stream.is_over


async def test_a_stalled_client_stays_unread_after_the_handlers_pause() -> None:
    scene = Scene("stall sender=client")
    assert scene.raw.is_paused
    scene.stream.pause_reading()
    scene.stream.resume_reading()
    await spin()
    assert scene.raw.is_paused


async def test_what_is_held_back_stops_the_handlers_writing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "FAULT_HELD", 10_000)
    scene = Scene("stall after=stop seconds=0.2")
    scene.receive(b'{"execute": "stop"}')
    scene.stream.write(b"x" * 9_000)
    assert "pause_writing" not in scene.handler.calls
    scene.stream.write(b"x" * 1_000)
    assert "pause_writing" in scene.handler.calls
    await scene.handler.until(lambda: "resume_writing" in scene.handler.calls)
    assert len(scene.raw.sent) == 10_000


async def test_a_slow_client_stops_a_flood() -> None:
    scene = Scene("flood size=1G")
    await spin(3)
    scene.raw.handler.pause_writing()
    assert scene.handler.calls == ["pause_writing"]
    sent = len(scene.raw.sent)
    await spin(50)
    assert len(scene.raw.sent) == sent < 100 * limits.FAULT_PIECE
    scene.raw.handler.resume_writing()
    assert scene.handler.calls == ["pause_writing", "resume_writing"]
    await scene.until(lambda: len(scene.raw.sent) > sent)
    scene.stream.abort()
    await scene.handler.until_lost()


# --- Descriptors --------------------------------------------------------------------------------


async def test_descriptors_in_both_directions(pipe: tuple[int, int]) -> None:
    scene = Scene("delay seconds=0.01", "delay seconds=0.01 sender=client")
    scene.receive(b"from the client", [os.dup(pipe[0])])
    scene.stream.write(b"from the server", [pipe[1]])
    await scene.handler.until_data(15)
    await scene.until(lambda: bool(scene.raw.fds))
    (received,), (sent,) = scene.handler.fds, scene.raw.fds
    os.write(sent, b"through")
    assert os.read(received, 7) == b"through"
    os.close(received)
    os.close(sent)


@pytest.mark.parametrize(
    "fault", ["drop sender=client", "stall sender=client", "cut after=getfd", "refuse"]
)
async def test_no_descriptor_is_left_open(fault: str, pipe: tuple[int, int]) -> None:
    scene = Scene(fault)
    copy = os.dup(pipe[0])
    scene.receive(b'{"execute": "getfd"}\n', [copy])
    scene.raw.handler.connection_lost(None)
    for handler in scene.made:
        for fd in handler.fds:
            os.close(fd)
    await spin()
    assert not is_open(copy)


async def test_descriptors_where_they_cannot_travel() -> None:
    scene = Scene("delay seconds=1", raw=Raw(carries_fds=False))
    with pytest.raises(ValueError, match="descriptors travel over unix sockets only"):
        scene.stream.write(b"x", [0])
    scene.stream.abort()
    await spin()


# --- Failures -----------------------------------------------------------------------------------


async def test_a_handler_that_fails_ends_the_stream() -> None:
    scene = Scene("delay sender=client seconds=0.1")  # else a busy machine delivers it at once
    failures: list[str] = []
    asyncio.get_running_loop().set_exception_handler(
        lambda _, context: failures.append(context["message"])
    )

    def fail(data: bytes, fds: Sequence[int]) -> None:
        raise RuntimeError("it fails")

    scene.handler.data_received = fail  # type: ignore[method-assign]  # for this test only
    scene.receive(b"x")
    error = await scene.handler.until_lost()
    assert isinstance(error, ConnectionAbortedError)
    assert failures == ["the handler of raw failed"]


async def test_a_process_that_is_gone_is_reported(caplog: pytest.LogCaptureFixture) -> None:
    def refuse(fault: Fault) -> None:
        raise ProcessLookupError(3, "No such process")

    raw = Raw()
    injector = Injector(Faults(["sigkill after=stop"]), process=refuse)
    raw.handler = injector.wrap(Recorder)(raw)
    raw.handler.data_received(b'{"execute": "stop"}', ())
    assert raw.calls == []
    assert "the fault can't happen: sigkill after=stop: No such process" in caplog.text


# --- The server's process -----------------------------------------------------------------------


def test_a_process(tmp_path: Path) -> None:
    read, write = os.pipe()
    pid = os.posix_spawn("/bin/cat", ["cat"], {}, file_actions=[(os.POSIX_SPAWN_DUP2, read, 0)])
    pid_file = tmp_path / "pid"
    pid_file.write_text(f"{pid}\n")
    process = ProcessFaults(str(pid_file))
    process(parse_fault("sigstop seconds=0.01"))
    assert os.WIFSTOPPED(os.waitpid(pid, os.WUNTRACED)[1])
    assert os.WIFCONTINUED(os.waitpid(pid, os.WCONTINUED)[1])
    ProcessFaults(pid)(parse_fault("exit status=3"))
    assert os.WTERMSIG(os.waitpid(pid, 0)[1]) == 9
    os.close(read)
    os.close(write)
    with pytest.raises(ProcessLookupError):
        process(parse_fault("sigkill"))


def test_a_process_file_that_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "pid"
    path.write_text("no number")
    with pytest.raises(ValueError, match=r"found b'no number' in .*, expected a process id"):
        ProcessFaults(path)(parse_fault("sigkill"))


def test_this_process_exits() -> None:
    read, write = os.pipe()
    pid = os.fork()
    if not pid:
        os.dup2(write, 2)
        ProcessFaults()(parse_fault("exit status=3 text='last words'"))
    os.close(write)
    with os.fdopen(read) as last:
        assert last.read() == "last words\n"
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 3
