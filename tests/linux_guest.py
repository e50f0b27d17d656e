"""A small Linux in a real QEMU: Debian's kernel and busybox, made by scripts/linux_guest.sh.

Tests run shell commands in it, type at its console, and read what its drivers report. It runs under
TCG, so no KVM is needed, and is ready after about 5 s.
"""

import shutil
import socket
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from qmpeer import Client
from tests.patience import PATIENCE

__all__ = ["Guest", "GuestError", "Port", "make_guest_files"]

_ROOT = Path(__file__).parent.parent
_SCRIPT = _ROOT / "scripts" / "linux_guest.sh"
_FOLDER = _ROOT / "build" / "linux-guest"
_KERNEL_OPTIONS = ("console=ttyS0", "quiet", "cryptomgr.notests", "tsc=reliable", "consoleblank=0")
"""The kernel's command line. cryptomgr.notests saves a second of the start."""
_CHUNK = 4096


def make_guest_files() -> tuple[Path, str]:
    """Make the kernel and the initramfs unless they are there.

    Returns:
        Their folder, and "" or the reason why this machine can't make them.
    """
    words = ["sh", str(_SCRIPT), str(_FOLDER)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    return _FOLDER, done.stderr.strip() if done.returncode else ""


class GuestError(AssertionError):
    """A guest that didn't start, or a command in it that failed."""


class Port:
    """A serial port of a guest, as the bytes that the guest writes to it.

    Args:
        listener: The listening socket to which QEMU connects.
    """

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._socket: socket.socket | None = None
        self._unread = b""

    def accept(self) -> None:
        """Take QEMU's connection."""
        self._listener.settimeout(PATIENCE)
        self._socket, _ = self._listener.accept()
        self._socket.settimeout(PATIENCE)

    def read(self, size: int) -> bytes:
        """Read exactly so many bytes.

        Raises:
            GuestError: If fewer come within the deadline, or QEMU ended; it holds those that came.
        """
        while len(self._unread) < size:
            self._receive()
        found, self._unread = self._unread[:size], self._unread[size:]
        return found

    def read_line(self, end: bytes = b"\n") -> bytes:
        """Read up to a line's end, and return the line with it."""
        while (place := self._unread.find(end)) < 0:
            self._receive()
        return self.read(place + len(end))

    def unread(self) -> bytes:
        """Return what has come and wasn't read yet, without waiting."""
        assert self._socket is not None
        self._socket.setblocking(False)
        try:
            while data := self._socket.recv(_CHUNK):
                self._unread += data
        except BlockingIOError:
            pass
        finally:
            self._socket.settimeout(PATIENCE)
        found, self._unread = self._unread, b""
        return found

    def write(self, data: bytes) -> None:
        """Send bytes to the guest."""
        assert self._socket is not None
        self._socket.sendall(data)

    def close(self) -> None:
        """Close both sockets."""
        self._listener.close()
        if self._socket is not None:
            self._socket.close()

    def _receive(self) -> None:
        assert self._socket is not None
        try:
            data = self._socket.recv(_CHUNK)
        except TimeoutError:
            raise GuestError(f"no more than {self._unread!r} came in {PATIENCE:g} s") from None
        if not data:
            raise GuestError(f"QEMU closed the serial port after {self._unread!r}")
        self._unread += data


class Guest:
    """A QEMU that runs Linux, from its start to its end.

    The attribute `client` is a blocking client of its monitor; `address` is the address of a second
    monitor, to which any client may connect. `typed` and `pointer` are serial ports for data, ttyS2
    and ttyS3 in the guest.

    Args:
        qemu: The path of QEMU.
        options: More options of QEMU. The machine has no default devices.
        machine: The machine's type, with its options.
        memory: The value of -m.
        kernel_options: More options of the kernel. Of the guest itself are power_button=ignore and
            modules=none.
        files: The folder with the kernel and the initramfs; None starts the firmware alone.
    """

    def __init__(
        self,
        qemu: str,
        *options: str,
        files: Path | None,
        machine: str = "pc",
        memory: str = "256",
        kernel_options: Sequence[str] = (),
    ) -> None:
        self._stack = ExitStack()
        self.folder = Path(tempfile.mkdtemp(prefix="guest-"))
        self._stack.callback(shutil.rmtree, self.folder, ignore_errors=True)
        argv = [qemu, "-machine", machine, "-accel", "tcg", "-nodefaults", "-display", "none"]
        argv += ["-m", memory, *options]
        if files is not None:
            kernel_line = " ".join((*_KERNEL_OPTIONS, *kernel_options))
            argv += ["-kernel", f"{files}/vmlinux", "-initrd", f"{files}/initrd"]
            argv += ["-append", kernel_line]
        self._log = self.folder / "console"
        argv += ["-chardev", f"file,id=console,path={self._log}", "-serial", "chardev:console"]
        self._shell, self.typed, self.pointer = (
            self._port(name, argv) for name in ("shell", "typed", "pointer")
        )
        monitor = self.folder / "monitor"
        argv += ["-qmp", f"unix:{monitor},server=on,wait=off"]
        self.address = f"unix:{monitor}"
        try:
            self.client = Client.launch(argv, timeout=PATIENCE, command_timeout=PATIENCE)
            self._stack.callback(self.client.close)
            for port in (self._shell, self.typed, self.pointer):
                port.accept()
        except BaseException:
            self._stack.close()
            raise

    def _port(self, name: str, argv: list[str]) -> Port:
        listener = socket.socket(socket.AF_UNIX)
        path = self.folder / name
        listener.bind(str(path))
        listener.listen(1)
        port = Port(listener)
        self._stack.callback(port.close)
        argv += ["-chardev", f"socket,id={name},path={path}", "-serial", f"chardev:{name}"]
        return port

    def until_ready(self) -> "Guest":
        """Wait until the guest executes commands."""
        try:
            line = self._shell.read_line()
        except GuestError as error:
            raise GuestError(f"the guest isn't ready: {error}\n{self.kernel_log()}") from None
        if line != b"ready\n":
            raise GuestError(f"the guest said {line!r}\n{self.kernel_log()}")
        return self

    def kernel_log(self) -> str:
        """Return what the kernel wrote to its console."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def begin(self, command: str) -> None:
        """Start a command of the shell, without waiting for its end."""
        line = command.replace("\\", "\\\\").replace("\n", "\\n")
        self._shell.write(f"{line}\n".encode())

    def end(self) -> tuple[int, str]:
        """Return the status and the output of the command that `begin` started."""
        status, size = self._shell.read_line().split()
        return int(status), self._shell.read(int(size)).decode()

    def run(self, command: str) -> str:
        """Run a command of the shell, and return its output.

        Raises:
            GuestError: If its status isn't 0.
        """
        self.begin(command)
        status, output = self.end()
        if status:
            raise GuestError(f"status {status} of {command!r}: {output}")
        return output

    def wait_until(self, condition: str) -> None:
        """Wait in the guest until a command of the shell succeeds."""
        self.run(f"until {condition}; do usleep 20000; done")

    def load_keys(self, layout: str) -> None:
        """Load a console keymap, such as "de" or "us:intl", and send what is typed to `typed`.

        The lines on tty1 come unchanged: the terminal is raw.
        """
        self.run(
            f"zcat '/keymaps/{layout}.gz' | loadkeys\n"
            "stty -F /dev/tty1 raw -echo\n"
            "[ -e /tmp/typing ] || { cat /dev/tty1 >/dev/ttyS2 & echo $! >/tmp/typing; }"
        )

    def close(self) -> None:
        """End QEMU."""
        self._stack.close()

    def __enter__(self) -> "Guest":
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
