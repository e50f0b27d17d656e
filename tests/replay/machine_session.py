"""A client program that drives a whole machine: block nodes, a mirror job, hot-plug, a migration.

It names everything itself, and waits for events instead of asking again and again. So it sends the
same commands each time, whatever the machine's speed.
"""

from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

from qmpeer import Client
from qmpeer.errors import CommandError
from tests.patience import PATIENCE
from tests.qemu import QEMU, find_program

__all__ = ["machine", "run_session"]


def machine() -> list[str]:
    """Return the command line of the machine."""
    program = find_program(QEMU)
    assert program is not None
    return [
        *(program, "-machine", "pc", "-accel", "tcg", "-m", "16M", "-display", "none"),
        *("-nodefaults", "-S", "-device", "qemu-xhci,id=usb"),
    ]


class _Session:
    """One run of the program: what it saw, and how many commands it has sent."""

    def __init__(self, vm: Client) -> None:
        self.vm = vm
        self.seen: list[Any] = []
        self.sent = 0

    def do(self, command: str, **arguments: Any) -> Any:
        """Execute a command, and note its result, or its error."""
        self.sent += 1
        members = {name.replace("_", "-"): value for name, value in arguments.items()}
        try:
            result = self.vm.execute(command, members or None, timeout=PATIENCE)
        except CommandError as error:
            result = [error.error_class, error.desc]
        self.seen.append([command, result])
        return result

    def until(self, event: str, match: dict[str, Any], command: str, **arguments: Any) -> None:
        """Execute a command, and wait for an event that it causes."""
        mark = self.vm.event_mark()
        self.do(command, **arguments)
        found = self.vm.wait_event(event, match, since=mark, timeout=PATIENCE)
        self.seen.append([found.name, found.data])

    # The parts of the session

    def look(self) -> None:
        for name in ("query-version", "query-status", "query-block", "query-chardev", "query-pci"):
            self.do(name)

    def mirror(self, number: int) -> None:
        """Mirror one block node to another, to the end of the job."""
        source, target, job = f"source{number}", f"target{number}", f"job{number}"
        for node in (source, target):
            self.do("blockdev-add", driver="null-co", node_name=node, size=1 << 20)
        self.until(
            "JOB_STATUS_CHANGE", {"id": job, "status": "ready"},
            "blockdev-mirror", job_id=job, device=source, target=target, sync="full",
        )  # fmt: skip
        self.do("query-block-jobs")
        self.until("JOB_STATUS_CHANGE", {"id": job, "status": "null"}, "job-complete", id=job)
        self.do("query-jobs")
        self.do("blockdev-del", node_name=source)
        self.do("blockdev-del", node_name=source)  # an error
        self.do("blockdev-del", node_name=target)

    def plug(self, number: int) -> None:
        """Plug a USB device, and unplug it."""
        id = f"tablet{number}"
        self.do("device_add", driver="usb-tablet", id=id, bus="usb.0")
        self.do("qom-list", path=f"/machine/peripheral/{id}")
        self.do("qom-get", path=f"/machine/peripheral/{id}", property="type")
        self.until("DEVICE_DELETED", {"device": id}, "device_del", id=id)
        self.do("device_del", id=id)  # an error

    def migrate(self) -> None:
        """Migrate to nowhere."""
        self.do("migrate-set-capabilities", capabilities=[{"capability": "events", "state": True}])
        self.do("query-migrate-capabilities")
        self.until("MIGRATION", {"status": "completed"}, "migrate", uri="exec:cat >/dev/null")
        self.do("query-migrate")
        self.do("query-status")


def run_session(vm: Client, commands: int) -> list[Any]:
    """Send so many commands, or a few more; return everything that came of them."""
    session = _Session(vm)
    session.look()
    parts: Iterator[Callable[[int], None]] = (
        part for _ in count() for part in (session.mirror, session.plug)
    )
    for number, part in enumerate(parts):
        part(number)
        if number >= 1 and session.sent >= commands - 6:
            break
    session.migrate()
    session.do("query-named-block-nodes")
    return [session.sent, session.seen]
