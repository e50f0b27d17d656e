"""The ring buffer device: it keeps a front end's newest output, which QMP commands read.

Spec: QAPI, ringbuf-read and ringbuf-write; the size is a power of two, by default 64 KiB. Data is
text or base64. Text is QEMU's modified UTF-8: it ends at a NUL byte, U+0000 is C0 80, and malformed
bytes are read as U+FFFD.
"""

import base64
from typing import ClassVar

from qmpeer import limits
from qmpeer.chardev.base64_text import read_base64
from qmpeer.chardev.device import Chardev
from qmpeer.chardev.host import FindFd, Host
from qmpeer.chardev.output_only import OutputOnlyStream
from qmpeer.errors import ChardevError
from qmpeer.values import JsonObject
from qmpeer.wire.text import replace_malformed


class RingBuffer(Chardev):
    """A device that keeps the last bytes of its output."""

    offers_oob: ClassVar[bool] = False

    def __init__(
        self,
        kind: str,
        label: str,
        data: JsonObject,
        host: Host,
        find_fd: FindFd | None,
    ) -> None:
        super().__init__(kind, label, data, host, find_fd)
        size = int(str(data.get("size") or limits.RING_BUFFER))
        if size & (size - 1):
            raise ChardevError("size of ringbuf chardev must be power of two")
        if size > limits.RING_BUFFER_MOST:  # [QEMU takes the low 32 bits of an option's number]
            most = limits.RING_BUFFER_MOST
            raise ChardevError(f"size of ringbuf chardev must be at most {most}, found {size}")
        self._size = size
        self._bytes = bytearray()

    async def _open(self) -> None:
        stream = OutputOnlyStream(self.kind, self.write)
        stream.start(self._connect(stream))

    def write(self, data: bytes) -> None:
        """Append bytes, and drop the oldest ones beyond the size."""
        self._bytes += data[-self._size :]
        if (surplus := len(self._bytes) - self._size) > 0:
            del self._bytes[:surplus]

    def read(self, size: int) -> bytes:
        """Remove and return the oldest bytes, at most ``size``."""
        data = bytes(self._bytes[:size])
        del self._bytes[:size]
        return data

    def write_text(self, text: str, data_format: str = "utf8") -> None:
        """Execute ringbuf-write.

        Raises:
            ChardevError: If the format is base64 but the text isn't, in QEMU's words.
        """
        if data_format != "base64":
            self.write(text.encode("utf-8", "replace").replace(b"\0", b"\xc0\x80"))
            return
        self.write(read_base64(text.encode("utf-8", "surrogatepass")))

    def read_text(self, size: int, data_format: str = "utf8") -> str:
        """Execute ringbuf-read.

        Spec: QEMU reads exactly the requested number of bytes, even if that splits a character.

        Raises:
            ChardevError: If the size isn't positive, in QEMU's words.
        """
        if size <= 0:
            raise ChardevError("size must be greater than zero")
        data = self.read(size)
        if data_format == "base64":
            return base64.b64encode(data).decode()
        return replace_malformed(data)
