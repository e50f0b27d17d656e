"""The guest's ends of character devices, such as a serial console, to which a script writes."""

from collections.abc import Callable, Mapping, Sequence

from qmpeer import limits
from qmpeer.chardev import Chardevs
from qmpeer.errors import ChardevError
from qmpeer.transport.aio import Stream
from qmpeer.transport.descriptors import close_all


class TextPort:
    """The front end of a device, and the handler of its streams: it writes, and reads nothing.

    [Texts that come while nobody is connected wait for the next client. The guest's would be lost,
    but a guest takes longer to start than a client to connect.]
    """

    def __init__(self) -> None:
        self._stream: Stream | None = None
        self._waiting = b""

    def __call__(self, stream: Stream) -> "TextPort":
        """Take over a new stream."""
        self._stream = stream
        data, self._waiting = self._waiting, b""
        if data:
            stream.write(data)
        return self

    def write(self, text: str) -> None:
        """Write a text, or keep it for the next client."""
        data = text.encode()
        if self._stream is not None:
            self._stream.write(data)
        else:
            self._waiting = (self._waiting + data)[-limits.FAKE_QEMU_SCRIPT :]

    def data_received(self, data: bytes, fds: Sequence[int]) -> None:
        """Drop what comes in."""
        close_all(fds)

    def eof_received(self) -> None:
        """Go on writing: the other end may still read."""

    def pause_writing(self) -> None:
        """Go on writing: the texts of a script have a limit."""

    def resume_writing(self) -> None:
        """Go on writing."""

    def connection_lost(self, error: OSError | None) -> None:
        """Wait for the next client."""
        self._stream = None


class TextPorts:
    """The devices to which a script writes.

    Args:
        chardevs: The character devices of the program.
        report: Shows a text on standard error.
    """

    def __init__(self, chardevs: Chardevs, report: Callable[[str], None]) -> None:
        self._chardevs = chardevs
        self._report = report
        self._ports: dict[str, TextPort] = {}

    def write(self, texts: Mapping[str, str]) -> None:
        """Write texts to devices, by their labels; one that can't be is reported."""
        for label, text in texts.items():
            try:
                self._port(label).write(text)
            except ChardevError as error:
                self._report(f"the script's text isn't written: {error}")

    def _port(self, label: str) -> TextPort:
        if label not in self._ports:
            port = TextPort()
            self._chardevs.required(label).attach(port)
            self._ports[label] = port
        return self._ports[label]
