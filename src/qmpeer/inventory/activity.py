"""The load of a machine: counters at one moment, and rates between two moments."""

import os
import socket
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from qmpeer.client.answers import UNREADABLE
from qmpeer.inventory.machine_facts import OptionalQueries, device_name, nics
from qmpeer.values import JsonObject

_PROCESS: Final = "process"
_DISK_COUNTERS: Final = ("rd_bytes", "wr_bytes", "rd_operations", "wr_operations")
_STAT_TIMES: Final = slice(11, 13)
"""The fields utime and stime of /proc/PID/stat, counted from the one after the program's name."""

Counters = Mapping[str, Mapping[str, float]]


class Sample(msgspec.Struct, frozen=True):
    """The counters at one moment, by device and by counter.

    Attributes:
        time: The moment, in seconds.
        cpus: For each CPU and for the process: seconds of CPU time, exits to the hypervisor.
        disks: For each disk: bytes and operations, read and written.
        nets: For each NIC: bytes received and sent, as seen by the guest.
    """

    time: float
    cpus: Counters
    disks: Counters
    nets: Counters


def rates(before: Sample, now: Sample) -> JsonObject:
    """Return how much each counter grew per second between two samples.

    Example:
        >>> first = Sample(0.0, {"0": {"seconds": 1.0}}, {}, {})
        >>> rates(first, Sample(2.0, {"0": {"seconds": 2.0}}, {}, {}))
        {'seconds': 2.0, 'cpus': {'0': {'seconds': 0.5}}, 'disks': {}, 'nets': {}}
    """
    span = max(now.time - before.time, 1e-6)
    result: JsonObject = {"seconds": span}
    for kind in ("cpus", "disks", "nets"):
        old: Counters = getattr(before, kind)
        new: Counters = getattr(now, kind)
        result[kind] = {
            name: {
                # A counter that shrank was reset, as by a device that was plugged in again.
                counter: max(value - old.get(name, {}).get(counter, value), 0.0) / span
                for counter, value in counters.items()
            }
            for name, counters in new.items()
        }
    return result


class Sampler:
    """A reader of a machine's counters.

    CPU times and network traffic are read from /proc and /sys of this host, so they are available
    only if the server's process is on this host, at the other end of a unix socket.

    Args:
        queries: The server.
        descriptor: The file descriptor of the connection's socket.
    """

    def __init__(self, queries: OptionalQueries, descriptor: int) -> None:
        self._queries = queries
        self._process = _process_behind(descriptor)
        self._interfaces = self._find_interfaces() if self._process else {}

    def _find_interfaces(self) -> dict[str, str]:
        found: dict[str, str] = {}
        try:
            for nic in nics(self._queries) or ():
                backend: Any = nic.get("backend", {})
                interface = str(backend.get("interface", ""))
                if interface and "/" not in interface:
                    found[str(nic["name"])] = interface
        except UNREADABLE:
            pass
        return found

    def sample(self, time: float) -> Sample:
        """Read all counters.

        Raises:
            QMPError: As `Client.execute`.
            OSError: As `Client.execute`.
        """
        return Sample(
            time=time,
            cpus=_tolerant(self._cpus()),
            disks=_tolerant(self._disks()),
            nets=_tolerant(self._nets()),
        )

    def _cpus(self) -> Iterator[tuple[str, dict[str, float]]]:
        exits = self._exits()
        if self._process is not None:
            seconds = _seconds(f"/proc/{self._process}/stat")
            if seconds is not None:
                yield _PROCESS, {"seconds": seconds}
        for cpu in self._queries.ask("query-cpus-fast") or ():
            counters = {}
            if self._process is not None:
                seconds = _seconds(f"/proc/{self._process}/task/{int(cpu['thread-id'])}/stat")
                if seconds is not None:
                    counters["seconds"] = seconds
            if cpu["qom-path"] in exits:
                counters["exits"] = exits[cpu["qom-path"]]
            yield str(cpu["cpu-index"]), counters

    def _exits(self) -> dict[str, float]:
        answer = self._queries.ask(
            "query-stats",
            {"target": "vcpu", "providers": [{"provider": "kvm", "names": ["exits"]}]},
        )
        return {
            str(each["qom-path"]): _number(counter["value"])
            for each in answer or ()
            for counter in each.get("stats", ())
            if isinstance(counter.get("value"), int)
        }

    def _disks(self) -> Iterator[tuple[str, dict[str, float]]]:
        for number, disk in enumerate(self._queries.ask("query-blockstats") or ()):
            name = (
                disk.get("device")
                or device_name(str(disk.get("qdev", "")))
                or disk.get("node-name")
            )
            stats = disk["stats"]
            yield (
                str(name or number),
                {counter: _number(stats[counter]) for counter in _DISK_COUNTERS},
            )

    def _nets(self) -> Iterator[tuple[str, dict[str, float]]]:
        for name, interface in self._interfaces.items():
            folder = Path("/sys/class/net") / interface / "statistics"
            try:
                # The host's interface is the other end of the cable: what it sends, the guest
                # receives.
                yield (
                    name,
                    {
                        "rx_bytes": float((folder / "tx_bytes").read_text()),
                        "tx_bytes": float((folder / "rx_bytes").read_text()),
                    },
                )
            except (OSError, ValueError):
                continue


def _tolerant(found: Iterator[tuple[str, dict[str, float]]]) -> dict[str, dict[str, float]]:
    """Collect counters until an answer isn't in QEMU's form; keep those before it."""
    result: dict[str, dict[str, float]] = {}
    try:
        for name, counters in found:
            result[name] = counters
    except UNREADABLE:
        pass
    return result


def _number(value: Any) -> float:
    """Return a counter as a float.

    Raises:
        TypeError: If the value isn't an integer.
    """
    if not isinstance(value, int):
        raise TypeError
    return float(value)


def _process_behind(descriptor: int) -> int | None:
    """Return the id of the process at the other end of a unix socket; None if it isn't here."""
    try:
        with socket.socket(fileno=os.dup(descriptor)) as other:
            if other.family != socket.AF_UNIX:
                return None
            credentials = other.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    except OSError:
        return None
    pid = int(struct.unpack("=iII", credentials)[0])
    # 0, or an id without an entry in /proc: the process is in another pid namespace.
    return pid if pid > 0 and os.path.exists(f"/proc/{pid}/task") else None


def _seconds(path: str) -> float | None:
    """Return the CPU seconds of a thread or a process, from its ``stat`` file."""
    try:
        text = Path(path).read_text()
        # The program's name is in brackets, and may itself contain blanks and brackets.
        times = text.rpartition(")")[2].split()[_STAT_TIMES]
    except OSError:
        return None
    return sum(map(int, times)) / os.sysconf("SC_CLK_TCK")
