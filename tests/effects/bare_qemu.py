"""A real QEMU without a machine, to which lines for the human monitor are sent."""

import subprocess
from pathlib import Path

from qmpeer import Client
from tests.patience import PATIENCE
from tests.qemu import BASE


class BareQemu:
    """A QEMU with a ring buffer called RING, and a disk called DISK that is a sparse file.

    Args:
        program: Its path.
        folder: Its working directory.
        release: Its release, such as (7, 2).
    """

    def __init__(self, program: str, folder: Path, release: tuple[int, int]) -> None:
        self.folder = folder
        self.release = release
        path = folder.with_name(f"{folder.name}.sock")
        disk = folder.with_name(f"{folder.name}.raw")
        disk.touch()
        ring = ("-chardev", "ringbuf,id=RING,size=65536")
        devices = (*ring, "-drive", f"if=none,id=DISK,format=raw,file={disk}")
        self._process = subprocess.Popen(
            [program, *BASE, *devices, "-qmp", f"unix:{path},server=on,wait=off"],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.client = Client.connect(
            path, wait_for_socket=True, timeout=PATIENCE, command_timeout=PATIENCE
        )

    def run(self, line: str) -> str:
        """Run a line; return what it prints, with plain line ends."""
        printed = self.client.execute("human-monitor-command", {"command-line": line})
        return str(printed).replace("\r\n", "\n")

    def disk_size(self) -> int:
        """Return the size of DISK."""
        (disk,) = self.client.execute("query-block")
        size = disk["inserted"]["image"]["virtual-size"]
        assert isinstance(size, int)
        return size

    def end(self) -> None:
        """End it."""
        self.client.close()
        self._process.kill()
        self._process.wait(PATIENCE)
