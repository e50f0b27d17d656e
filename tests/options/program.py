"""A small program with QEMU's options: its monitors are front ends that send back what comes."""

import asyncio
from collections.abc import Sequence

from qmpeer.chardev import Chardev
from qmpeer.options import (
    COMPANION_FLAGS,
    COMPANION_OPTIONS,
    FAULT_OPTIONS,
    GUEST_FLAGS,
    GUEST_OPTIONS,
    SHARED_FLAGS,
    SHARED_OPTIONS,
    Disturbance,
    ProgramOptions,
    StartError,
    Warn,
    check_companions,
    parse_words,
    take_command,
)
from qmpeer.options.control_monitors import ControlMonitors
from qmpeer.options.controlled import Controlled
from qmpeer.options.devices import Devices
from qmpeer.options.running import run_program
from qmpeer.options.signals import OnSignal
from qmpeer.options.startup import open_monitors
from qmpeer.transport.aio import Stream
from tests.patience import PATIENCE


def parse(words: Sequence[str], warn: Warn = lambda text: None) -> ProgramOptions:
    """Parse the options that all programs share, and those about a guest."""
    options = ProgramOptions()
    parse_words(
        options,
        words,
        flags={**GUEST_FLAGS, **SHARED_FLAGS, **COMPANION_FLAGS},
        readers={**GUEST_OPTIONS, **SHARED_OPTIONS, **COMPANION_OPTIONS, **FAULT_OPTIONS},
        take_word=_refuse,
        warn=warn,
        take_command=take_command,
    )
    check_companions(options)
    return options


def _refuse(options: ProgramOptions, word: str) -> None:
    raise StartError(word, None, "this program takes no words")


class _Echo:
    """The front end of one client."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def data_received(self, data: bytes, fds: Sequence[int]) -> None:
        self._stream.write(data)

    def eof_received(self) -> None:
        self._stream.close()

    def pause_writing(self) -> None: ...

    def resume_writing(self) -> None: ...

    def connection_lost(self, error: OSError | None) -> None: ...


class EchoProgram:
    """The program: it opens its monitors and runs until a signal.

    Attributes:
        opened: The labels of the devices with a monitor, and whether it indents.
        shown: What was written to standard output.
        reported: What was written to standard error.
        is_ready: Set when all monitors are open.
        has_reported: Set when it has reported something.
        status: Its exit status, once it has ended.
    """

    def __init__(self, *words: str) -> None:
        self.opened: list[tuple[str, bool]] = []
        self.shown: list[str] = []
        self.reported: list[str] = []
        self.is_ready = asyncio.Event()
        self.has_reported = asyncio.Event()
        self.is_closed = False
        self.status: int | None = None
        self._options = parse(words, self._report)
        self._ended = asyncio.Event()
        self._signal: OnSignal | None = None
        self.devices = Devices(self._options, self.shown.append, self._report, self.end_by_signal)
        self.disturbance = Disturbance(self._options, self._report)
        self.control = self.disturbance.control(self._controlled(), self.end_by_signal)
        self._monitors = ControlMonitors(self.devices.chardevs, self._attach)
        self.devices.objects.add_maker(self._monitors)

    def _controlled(self) -> Controlled:
        """Return the program as its control socket sees it."""
        return Controlled("echo")

    def _report(self, text: str) -> None:
        self.reported.append(text)
        self.has_reported.set()

    def _attach(self, device: Chardev, is_pretty: bool) -> None:
        device.attach(_Echo)
        self.opened.append((device.label, is_pretty))

    async def run(self) -> None:
        """Run to the end."""
        async with asyncio.timeout(PATIENCE):
            self.status = await run_program(
                self, self._options, self._report, self.is_ready.set, self._take_signal
            )

    def _take_signal(self, when: OnSignal) -> None:
        self._signal = when

    def send_signal(self, number: int, sender: str = "") -> None:
        """Act as a signal does."""
        assert self._signal is not None
        self._signal(number, sender)

    async def open(self) -> None:
        await open_monitors(self.devices, self._monitors, self._options, self._report)

    async def wait_ended(self) -> None:
        await self._ended.wait()

    def end_by_signal(self) -> None:
        self.devices.chardevs.close()
        self._ended.set()

    def close(self) -> None:
        self.devices.close()
        self.is_closed = True
