"""The built-in machine: a guest's run state, what devices there are, and their commands.

It is small on purpose. There is no guest in it, as in QEMU's machine type ``none``, and what it
answers is what QEMU 7.2 answers there. Commands and events are declared in ``qapi/``; here are the
handlers.
"""

import os
from typing import Final

from qmpeer import __version__
from qmpeer.errors import CommandError
from qmpeer.machine.blkdebug_config import ConfigReader
from qmpeer.machine.block_graph import BlockGraph
from qmpeer.machine.descriptors import Descriptors
from qmpeer.machine.devices import MonitorDevice
from qmpeer.machine.interface import load
from qmpeer.machine.options import Options
from qmpeer.machine.run_states import RunState, next_state
from qmpeer.monitor import Context, Monitor
from qmpeer.values import JsonObject, JsonValue

VERSION: Final = (7, 2, 0)
"""The QEMU whose interface this is."""


class Machine:
    """Answer a machine's commands on a monitor of its own.

    Args:
        options: What the command line asked for.

    Attributes:
        monitor: The monitor; it is open nowhere yet.
        state: Whether the guest runs.
        is_shutting_down: Whether it takes no further command.
        devices: The character devices of the command line's monitors, in its order.
    """

    def __init__(self, options: Options) -> None:
        self.monitor: Monitor = Monitor(
            name="qmpeer",
            version=VERSION,
            package=f"qmpeer {__version__}",
            schema=load(),
            policy=options.policy,
        )
        self.state: RunState = RunState.PRELAUNCH
        self.devices: list[MonitorDevice] = []
        self._options = options
        self._descriptors = Descriptors()
        self._config_reader = ConfigReader()
        self._blocks = BlockGraph(self._config_reader.read)
        self.is_shutting_down: bool = False
        self._register()

    def _register(self) -> None:
        command = self.monitor.command
        command("query-status")(self.query_status)
        command("stop")(self.stop)
        command("cont")(self.cont)
        command("system_reset")(self.system_reset)
        command("system_powerdown")(self.system_powerdown)
        command("quit")(self.quit)
        command("query-name")(self.query_name)
        command("query-uuid")(self.query_uuid)
        command("query-kvm")(self.query_kvm)
        command("query-target")(self.query_target)
        command("query-cpus-fast")(self.query_cpus_fast)
        command("query-mice")(self.query_mice)
        command("query-block")(self.query_block)
        command("query-chardev")(self.query_chardev)
        command("getfd")(self.getfd)
        command("closefd")(self.closefd)
        command("add-fd")(self.add_fd)
        command("remove-fd")(self.remove_fd)
        command("query-fdsets")(self.query_fdsets)
        command("blockdev-add", blocking=True)(self.blockdev_add)
        command("blockdev-del")(self.blockdev_del)
        command("migrate-pause")(self.migrate_pause)
        command("yank")(self.yank)
        command("query-yank")(self.query_yank)

    # Life

    def start(self) -> None:
        """Let the guest run, unless it was to wait for cont. There is no event."""
        if not self._options.is_stopped:
            self.state = RunState.RUNNING

    def shut_down(self, reason: str) -> None:
        """End the machine: send SHUTDOWN, then finish the answers and close the monitors.

        Args:
            reason: As in the event's data: host-qmp-quit, host-signal.
        """
        if self.is_shutting_down:
            return
        self.is_shutting_down = True
        self.monitor.emit("SHUTDOWN", {"guest": False, "reason": reason})
        for device in self.devices:
            device.close()
        self._config_reader.close()
        self.monitor.shutdown()

    def clients_changed(self) -> None:
        """Take note that a client has come or gone.

        Spec: QEMU closes the descriptors in sets when the last client has gone and the guest runs.
        """
        if self.state is RunState.RUNNING and not any(d.is_connected for d in self.devices):
            self._descriptors.clear_sets()

    # The guest

    def query_status(self) -> JsonObject:
        """Return whether the guest runs."""
        is_running = self.state is RunState.RUNNING
        return {"status": self.state.value, "singlestep": False, "running": is_running}

    def stop(self) -> None:
        """Stop the guest."""
        if self._move("stop"):
            self.monitor.emit("STOP")

    def cont(self) -> None:
        """Let the guest run."""
        if self._move("cont"):
            self.monitor.emit("RESUME")

    def system_reset(self) -> None:
        """Reset the guest."""
        self._move("system_reset")
        self.monitor.emit("RESET", {"guest": False, "reason": "host-qmp-system-reset"})

    def _move(self, command: str) -> bool:
        """Move to the state that a command leads to; say whether it is another one."""
        before, self.state = self.state, next_state(command, self.state)
        return self.state is not before

    def system_powerdown(self) -> None:
        """Press the power button; there is no guest to take notice."""
        self.monitor.emit("POWERDOWN")

    def quit(self) -> None:
        """End the machine."""
        self.shut_down("host-qmp-quit")

    def query_name(self) -> JsonObject:
        """Return the guest's name, if it has one."""
        name = self._options.guest_name
        return {} if name is None else {"name": name}

    def query_uuid(self) -> JsonObject:
        """Return the guest's UUID."""
        return {"UUID": self._options.guest_uuid}

    # The machine

    def query_kvm(self) -> JsonObject:
        """Return whether KVM is used, and whether it could be."""
        return {"enabled": False, "present": os.path.exists("/dev/kvm")}

    def query_target(self) -> JsonObject:
        """Return the guest's architecture."""
        return {"arch": "x86_64"}

    def query_cpus_fast(self) -> list[JsonObject]:
        """Return the virtual CPUs: none."""
        return []

    def query_mice(self) -> list[JsonObject]:
        """Return the pointing devices: none."""
        return []

    def query_block(self) -> list[JsonObject]:
        """Return the drives that the guest sees: none, as nodes of blockdev-add aren't drives."""
        return []

    def query_chardev(self) -> list[JsonObject]:
        """Return the character devices, the youngest first."""
        return [
            {"frontend-open": True, "filename": device.filename, "label": device.label}
            for device in reversed(self.devices)
        ]

    # Descriptors

    def getfd(self, fdname: str, *, context: Context) -> None:
        """Keep a descriptor that came with this command under a name."""
        self._descriptors.add_named(fdname, context.take_fds())

    def closefd(self, fdname: str) -> None:
        """Close the descriptor of a name."""
        self._descriptors.close_named(fdname)

    def add_fd(
        self, fdset_id: int | None = None, opaque: str | None = None, *, context: Context
    ) -> JsonObject:
        """Put a descriptor that came with this command into a set."""
        return self._descriptors.add_to_set(fdset_id, opaque, context.take_fds())

    def remove_fd(self, fdset_id: int, fd: int | None = None) -> None:
        """Close one descriptor of a set, or all."""
        self._descriptors.remove_from_set(fdset_id, fd)

    def query_fdsets(self) -> list[JsonObject]:
        """Return all sets of descriptors."""
        return self._descriptors.describe_sets()

    # Block nodes

    def blockdev_add(self, **arguments: JsonValue) -> None:
        """Make a block node."""
        self._blocks.add(arguments)

    def blockdev_del(self, node_name: str) -> None:
        """Delete a block node."""
        self._blocks.delete(node_name)

    # Out of band

    def migrate_pause(self) -> None:
        """Refuse: there is no migration to pause."""
        raise CommandError(
            "GenericError",
            "migrate-pause is currently only supported during postcopy-active state",
        )

    def query_yank(self) -> list[JsonObject]:
        """Return what can be yanked: the monitors on sockets."""
        return [
            {"type": "chardev", "id": device.label} for device in self.devices if device.is_socket
        ]

    def yank(self, instances: list[JsonObject]) -> None:
        """Cut connections: all of the instances, or none if one doesn't exist."""
        sockets = {device.label: device for device in self.devices if device.is_socket}
        labels = [item["id"] if item["type"] == "chardev" else None for item in instances]
        if not all(label in sockets for label in labels):
            raise CommandError("DeviceNotFound", "Instance not found")
        for label in labels:
            sockets[str(label)].yank()

    def close(self) -> None:
        """Give back what the machine holds of the system."""
        self._descriptors.close()
