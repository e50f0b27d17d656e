"""The mux: several front ends on one device, its menu, and the distribution of input."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from qmpeer import limits
from qmpeer.chardev.mux_device import MuxDevice
from qmpeer.chardev.mux_escapes import Escape, EscapeReader, Stamper, help_text
from qmpeer.errors import ChardevError
from qmpeer.transport.aio import Stream
from tests.chardev.program import FrontEnd, Program
from tests.patience import PATIENCE
from tests.transport.recorder import Recorder, spin


class Focused(Recorder):
    """A front end that is notified of the focus, as human monitors are."""

    def focus_gained(self) -> None:
        self.calls.append("focus_gained")

    def focus_lost(self) -> None:
        self.calls.append("focus_lost")

    def break_received(self) -> None:
        self.calls.append("break")


class Human(FrontEnd):
    def make(self, stream: Stream) -> Recorder:
        return Focused(stream)


class Mux:
    """A mux on one end of a socket pair, with the other end."""

    def __init__(self, program: Program, device: MuxDevice, end: socket.socket) -> None:
        self.program = program
        self.device = device
        self.end = end
        end.settimeout(PATIENCE)

    async def attach(self, *fronts: FrontEnd) -> None:
        for front in fronts:
            self.device.attach(front)
        for front in fronts:
            await front.connected()

    async def send(self, data: bytes) -> None:
        self.end.send(data)
        await self.settled()

    async def settled(self) -> None:
        """Let the loop read the data that was sent before."""
        await asyncio.sleep(0)
        await spin()

    def heard(self) -> bytes:
        """Return the output so far."""
        try:
            return self.end.recv(1 << 20, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return b""


@pytest_asyncio.fixture
async def mux(own: Program) -> AsyncIterator[Mux]:
    ours, theirs = socket.socketpair()
    with theirs:
        device = await own.add(f"socket,id=m,fd={ours.detach()},mux=on")
        assert isinstance(device, MuxDevice)
        yield Mux(own, device, theirs)


async def test_last_has_the_focus(mux: Mux) -> None:
    human, control = Human(b"human\n"), FrontEnd(b"control\n")
    await mux.attach(human, control)
    assert mux.device.focus == 1
    assert mux.heard() == b"control\n"
    assert human.last.calls == ["focus_lost"]
    await mux.send(b"to control")
    assert [control.last.data, human.last.data] == [b"to control", b""]


async def test_next(mux: Mux) -> None:
    human, control = Human(b"human\n"), FrontEnd(b"control\n")
    await mux.attach(human, control)
    mux.heard()
    await mux.send(b"one\x01ctwo\x01cthree")
    assert [control.last.data, human.last.data] == [b"onethree", b"two"]
    assert human.last.calls == ["focus_lost", "focus_gained", "focus_lost"]
    assert mux.heard() == b"human\n"  # which was kept until it had the focus
    human.last.stream.write(b"later")
    control.last.stream.write(b"event\n")
    assert mux.heard() == b"event\n"
    await mux.send(b"\x01c")
    assert mux.heard() == b"later"


async def test_next_of_one(mux: Mux) -> None:
    human = Human()
    await mux.attach(human)
    await mux.send(b"\x01c")
    assert human.last.calls == ["focus_gained", "focus_lost", "focus_gained"]


async def test_nobody_is_stalled_by_a_reader_that_pauses(mux: Mux) -> None:
    slow, control = FrontEnd(), FrontEnd()
    await mux.attach(slow, control)
    await mux.send(b"\x01c")
    slow.last.stream.pause_reading()
    await mux.send(b"waits\x01cgoes")
    assert [slow.last.data, control.last.data] == [b"", b"goes"]
    slow.last.stream.resume_reading()
    await spin()
    assert slow.last.data == b"waits"


async def test_held_input_has_a_bound(mux: Mux) -> None:
    slow = FrontEnd()
    await mux.attach(slow)
    slow.last.stream.pause_reading()
    mux.end.setblocking(False)
    sent = 0
    for _ in range(1000):
        try:
            sent += mux.end.send(b"x" * 65536)
        except BlockingIOError:
            break
        await spin()
    assert sent < 2_000_000  # the kernel's buffers are full, ours have a bound
    slow.last.stream.resume_reading()
    assert len(await slow.last.until_data(sent)) == sent


async def test_held_output_pushes_back(mux: Mux) -> None:
    human, control = Human(), FrontEnd()
    await mux.attach(human, control)
    human.last.stream.write(b"x" * (limits.UNSENT_OUTPUT + 1))
    assert human.last.calls == ["focus_lost", "pause_writing"]
    assert human.last.stream.unsent > limits.UNSENT_OUTPUT
    await mux.send(b"\x01c")
    assert human.last.calls[2:] == ["resume_writing", "focus_gained"] or (
        human.last.calls[2:4] == ["pause_writing", "resume_writing"]
    )


async def test_attach_later(mux: Mux) -> None:
    first, second = FrontEnd(b"first"), FrontEnd(b"second")
    await mux.attach(first)
    assert mux.heard() == b"first"
    await mux.attach(second)
    assert mux.heard() == b"second"
    assert mux.device.focus == 1


async def test_four_front_ends(mux: Mux) -> None:
    await mux.attach(*(FrontEnd() for _ in range(limits.MUX_FRONT_ENDS)))
    with pytest.raises(ChardevError, match=r"^Device 'm' is in use$"):
        mux.device.attach(FrontEnd())


async def test_menu(mux: Mux) -> None:
    front = Human()
    await mux.attach(front)
    await mux.send(b"\x01h")
    assert mux.heard() == help_text(1)
    await mux.send(b"\x01?")
    assert mux.heard() == help_text(1)
    await mux.send(b"\x01s\x01b\x01z\x01\x01")
    assert mux.program.asked == ["commit"]
    assert front.last.calls[-1] == "break"
    assert front.last.data == b"\x01"
    await mux.send(b"\x01x")
    assert mux.heard() == b"QEMU: Terminated\n\r"
    assert mux.program.asked == ["commit", "quit"]


async def test_time_stamps(mux: Mux, monkeypatch: pytest.MonkeyPatch) -> None:
    front = FrontEnd()
    await mux.attach(front)
    await mux.send(b"\x01t")
    front.last.stream.write(b"a\nb\n")
    front.last.stream.write(b"c")
    assert mux.heard().startswith(b"a\n[00:00:00.000] b\n[00:00:00.")
    await mux.send(b"\x01t")
    front.last.stream.write(b"\nd")
    assert mux.heard() == b"\nd"


async def test_another_escape(own: Program) -> None:
    own.host.escape = 0x14
    ours, theirs = socket.socketpair()
    with theirs:
        device = await own.add(f"socket,id=m,fd={ours.detach()},mux=on")
        front = FrontEnd()
        device.attach(front)
        await front.connected()
        theirs.send(b"\x01c\x14h")
        await front.last.until_data(2)
        await spin()
        assert theirs.recv(1000).startswith(b"\n\rC-t h    print this help\n\r")


async def test_end_is_told_to_all(mux: Mux) -> None:
    fronts = [FrontEnd(), Human(), FrontEnd()]
    await mux.attach(*fronts)
    mux.end.close()
    for front in fronts:
        await front.last.until(lambda front=front: front.last.has_eof or front.last.is_lost)  # type: ignore[misc]
        front.last.stream.close()
        await front.last.until_lost()
    await mux.settled()
    assert not mux.device.is_connected


async def test_one_front_end_leaves(mux: Mux) -> None:
    first, second = FrontEnd(), FrontEnd()
    await mux.attach(first, second)
    second.last.stream.close()
    await second.last.until_lost()
    first.last.stream.write(b"still here")
    assert mux.heard() == b"still here"
    first.last.stream.close()
    await first.last.until_lost()
    assert await asyncio.to_thread(mux.end.recv, 10) == b""


async def test_new_connection_begins_anew(own: Program, tmp_path: str) -> None:
    path = f"{tmp_path}/s"
    device = await own.add(f"socket,id=m,path={path},server=on,wait=off,mux=on")
    human, control = FrontEnd(b"human\n"), FrontEnd(b"control\n")
    device.attach(human)
    device.attach(control)
    for times in (1, 2):
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(PATIENCE)
            client.connect(path)
            await control.connected(times)
            await spin()
            assert client.recv(100) == b"human\ncontrol\n"
        for front in (human, control):
            await front.last.until_lost()
    assert own.devices.required("m").filename == "mux"


async def test_descriptors_reach_the_focused(mux: Mux) -> None:
    front = FrontEnd()
    await mux.attach(front)
    read_end, write_end = os.pipe()
    socket.send_fds(mux.end, [b"x"], [write_end])
    os.close(write_end)
    await front.last.until_data(1)
    [received] = front.last.fds
    os.close(received)
    assert os.read(read_end, 1) == b""
    os.close(read_end)


async def test_descriptors_that_nobody_takes_are_closed(mux: Mux) -> None:
    front = FrontEnd()
    await mux.attach(front)
    read_end, write_end = os.pipe()
    front.last.stream.pause_reading()
    socket.send_fds(mux.end, [b"x"], [write_end])
    os.close(write_end)
    assert await asyncio.to_thread(os.read, read_end, 1) == b""
    os.close(read_end)


# The parts that need no streams.


@pytest.mark.parametrize(
    ("data", "pieces"),
    [
        (b"plain", [b"plain"]),
        (b"\x01c", [Escape.NEXT]),
        (b"a\x01hb\x01?", [b"a", Escape.HELP, b"b", Escape.HELP]),
        (b"\x01x\x01s\x01b\x01t", [Escape.EXIT, Escape.COMMIT, Escape.BREAK, Escape.TIMESTAMPS]),
        (b"\x01\x01\x01q\x01", [b"\x01"]),
    ],
)
@pytest.mark.parametrize("size", [1, 100])
def test_escapes(data: bytes, pieces: list[bytes | Escape], size: int) -> None:
    reader = EscapeReader(1)
    chunks = [data[at : at + size] for at in range(0, len(data), size)]
    found: list[bytes | Escape] = []
    for piece in (piece for chunk in chunks for piece in reader.receive(chunk)):
        if isinstance(piece, bytes) and found and isinstance(found[-1], bytes):
            found[-1] += piece
        else:
            found.append(piece)
    assert found == pieces


def test_help() -> None:
    assert help_text(1) == (
        b"\n\rC-a h    print this help\n\rC-a x    exit emulator"
        b"\n\rC-a s    save disk data back to file (if -snapshot)"
        b"\n\rC-a t    toggle console timestamps\n\rC-a b    send break (magic sysrq)"
        b"\n\rC-a c    switch between console and monitor\n\rC-a C-a  sends C-a\n\r"
    )
    assert help_text(0x1D).startswith(b"\n\rEscape-Char set to Ascii: 0x1d\n\r\n\rEscape-Char h ")


def test_stamps_count_from_the_first() -> None:
    stamper = Stamper()
    assert stamper.stamp(b"a\nb", 5.0) == b"a\nb"
    stamper.toggle()
    assert stamper.stamp(b"a\n", 10.0) == b"a\n"
    assert stamper.stamp(b"b\n", 20.0) == b"[00:00:00.000] b\n"
    assert stamper.stamp(b"c\nd", 3800.5) == b"[01:03:00.500] c\n[01:03:00.500] d"
    assert stamper.stamp(b"e\n", 3801.0) == b"e\n"
    assert stamper.stamp(b"", 3801.0) == b""


@pytest.mark.parametrize("character", [-1, 256])
def test_what_is_no_byte_begins_no_escape(character: int) -> None:
    data = bytes(range(256))
    assert list(EscapeReader(character).receive(data)) == [data]


async def test_front_ends_are_removed(mux: Mux) -> None:
    first, human, control = FrontEnd(), Human(b"human\n"), FrontEnd(b"control\n")
    await mux.attach(first, human, control)
    mux.device.detach(first)
    assert mux.device.focus == 1
    mux.device.detach(control)  # which had the focus
    assert mux.device.focus == 0
    assert human.last.calls[-1] == "focus_gained"
    control.last.stream.write(b"lost")
    await mux.send(b"to human")
    assert human.last.data == b"to human"
    assert mux.heard() == b"control\nhuman\n"
    mux.device.detach(human)
    assert (mux.device.focus, mux.device.frontend_open) == (-1, False)
    await mux.send(b"early")
    last = FrontEnd(b"last\n")
    await mux.attach(last)
    await mux.settled()
    assert last.last.data == b"early"
    assert mux.heard() == b"last\n"
    assert not any(front.last.is_lost for front in (first, human, control))
    with pytest.raises(ValueError, match="isn't attached"):
        mux.device.detach(first)


async def test_a_front_end_is_removed_before_it_starts(mux: Mux) -> None:
    first, second = FrontEnd(b"first"), FrontEnd(b"second")
    mux.device.attach(first)
    mux.device.detach(first)
    await mux.settled()
    await mux.attach(second)
    assert mux.heard() == b"second"
