"""Output into a file, and input from another if there is one."""

import os

from qmpeer.chardev.device import Chardev
from qmpeer.chardev.output_file import OutputFile
from qmpeer.chardev.output_only import OutputOnlyStream
from qmpeer.errors import ChardevError
from qmpeer.transport.aio.stdio_stream import StdioStream


class FileDevice(Chardev):
    """A file that is written to; it is emptied first unless it is appended to."""

    _file: OutputFile | None = None

    async def _open(self) -> None:
        path = str(self.data["out"])
        try:
            file = OutputFile(self._host, path, appends=bool(self.data.get("append")))
        except OSError as error:
            raise _not_opened(path, error) from error
        if "in" not in self.data:
            self._file = file
            sink = OutputOnlyStream(self.kind, file.write)
            sink.start(self._connect(sink))
            return
        path = str(self.data["in"])
        try:
            read_fd = self._host.open_path(path, os.O_RDONLY | os.O_NONBLOCK)
        except OSError as error:
            file.close()
            raise _not_opened(path, error) from error
        fd = file.release()
        assert fd is not None
        stream = StdioStream(read_fd, fd, self.kind, self._host.close_path)
        stream.start(self._connect(stream))

    def close(self) -> None:
        """Close the file, unless a front end may still write to it."""
        super().close()
        if self._link is None and self._file is not None:
            self._file.close()

    def _disconnected(self, error: OSError | None) -> None:
        if self._file is not None:
            self._file.close()


def _not_opened(path: str, error: OSError) -> ChardevError:
    return ChardevError(f"Could not open '{path}': {error.strerror}")
