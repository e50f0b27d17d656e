"""The file device: output to a file, and input from another file if one is named."""

import os

from qmpeer.chardev.device import Chardev
from qmpeer.chardev.output_file import OutputFile
from qmpeer.chardev.output_only import OutputOnlyStream
from qmpeer.errors import ChardevError
from qmpeer.transport.aio.stdio_stream import StdioStream


class FileDevice(Chardev):
    """A device that writes to a file, which it truncates first unless it appends."""

    _file: OutputFile | None = None

    async def _open(self) -> None:
        path = str(self.data["out"])
        try:
            file = OutputFile(self._host, path, appends=bool(self.data.get("append")))
        except OSError as error:
            raise _not_opened(path, error) from error
        if "in" not in self.data:
            self._file = file
            output = OutputOnlyStream(self.kind, file.write)
            output.start(self._connect(output))
            return
        path = str(self.data["in"])
        try:
            # O_NONBLOCK: opening a FIFO for reading would wait for a writer.
            read_fd = self._host.open_path(path, os.O_RDONLY | os.O_NONBLOCK)
        except OSError as error:
            file.close()
            raise _not_opened(path, error) from error
        # The stream closes the descriptor from now on.
        fd = file.release()
        assert fd is not None
        stream = StdioStream(read_fd, fd, self.kind, self._host.close_path)
        stream.start(self._connect(stream))

    def close(self) -> None:
        """Close the device, and the file too unless a front end may still write to it."""
        super().close()
        if self._connection is None and self._file is not None:
            self._file.close()

    def _disconnected(self, error: OSError | None) -> None:
        if self._file is not None:
            self._file.close()


def _not_opened(path: str, error: OSError) -> ChardevError:
    return ChardevError(f"Could not open '{path}': {error.strerror}")
