"""A monitor, a client against it, and their conversation as it goes over the wire.

It needs only qmpeer, and ends after about a second.
"""

import socket
import tempfile
import threading
from pathlib import Path

from qmpeer import Client, CommandError, Monitor

monitor = Monitor(name="demo-emulator", version=(1, 0, 0))
guest = {"running": True}


@monitor.command("query-status")
def query_status() -> dict[str, bool]:
    """Return whether the guest runs."""
    return guest


@monitor.command("stop")
def stop() -> None:
    """Pause the guest."""
    guest["running"] = False
    monitor.emit("STOP")


@monitor.command("memory-read")
def memory_read(address: int, size: int = 4) -> str:
    """Return bytes of the guest's memory, in hexadecimal."""
    if address + size > 16:
        raise CommandError("GenericError", f"address {address:#x} is beyond the memory")
    return bytes(range(address, address + size)).hex()


def show(source: socket.socket, sink: socket.socket, arrow: str) -> None:
    """Pass bytes on and print them; "->" marks what the client sends."""
    while data := source.recv(65536):
        for line in data.decode().splitlines():
            print(arrow, line, flush=True)
        sink.sendall(data)
    sink.shutdown(socket.SHUT_WR)


def wiretap(path: Path) -> tuple[socket.socket, list[threading.Thread]]:
    """Return a socket that leads to the monitor, and the threads that print the traffic."""
    server = socket.socket(socket.AF_UNIX)
    server.connect(str(path))
    ours, theirs = socket.socketpair()
    threads = [
        threading.Thread(target=show, args=(theirs, server, "->")),
        threading.Thread(target=show, args=(server, theirs, "<-")),
    ]
    for thread in threads:
        thread.start()
    return ours, threads


def main() -> None:
    """Start the monitor, ask it a few things, and stop it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "monitor.sock")
        monitor.start(path)
        sock, threads = wiretap(path)
        with Client.connect(sock) as vm:
            mark = vm.event_mark()
            vm.execute("query-status")
            vm.execute("stop")
            event = vm.wait_event("STOP", since=mark, timeout=5.0)
            vm.execute("memory-read", {"address": 8})
            try:
                vm.execute("memory-read", {"address": "8"})
            except CommandError as error:
                print(f"== the client saw event {event.name} and the error {error}")
        for thread in threads:
            thread.join()
        monitor.stop()


if __name__ == "__main__":
    main()
