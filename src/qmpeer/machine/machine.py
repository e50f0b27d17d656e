"""The built-in machine: its run state, its devices and objects, and the handlers of its commands.

It is small on purpose. It has no guest, like QEMU's machine type ``none``, and it answers as QEMU
7.2 does with that type. Commands and events are declared in ``qapi/``.
"""

import logging
import os
from collections.abc import Awaitable, Callable
from typing import Final

from qmpeer import __version__
from qmpeer.chardev import Chardevs
from qmpeer.errors import ChardevError, CommandError
from qmpeer.machine.blkdebug_config import ConfigReader
from qmpeer.machine.block_graph import BlockGraph
from qmpeer.machine.chardev_commands import ChardevCommands
from qmpeer.machine.command_line_options import describe_options
from qmpeer.machine.interface import load
from qmpeer.machine.monitors import Monitors
from qmpeer.machine.object_tree import ObjectTree
from qmpeer.machine.options import Options
from qmpeer.machine.run_states import RunState, next_state
from qmpeer.messages import qemu_texts
from qmpeer.monitor import Context, Monitor
from qmpeer.options.descriptors import Descriptors, close_named, name_received
from qmpeer.options.devices import Devices, ShowText
from qmpeer.options.object_options import object_types
from qmpeer.options.objects import Objects
from qmpeer.schema import Schema
from qmpeer.transport.aio import HandlerFactory
from qmpeer.values import JsonObject, JsonValue

log: logging.Logger = logging.getLogger("qmpeer.machine")
KVM_DEVICE: Final = "/dev/kvm"
VERSION: Final = (7, 2, 0)
"""The QEMU release whose interface the machine has."""


def _show_nothing(line: str) -> None:
    """Discard a line: the default for machines inside a program."""


class Machine:
    """A machine, with a monitor that executes its commands.

    Args:
        options: The parsed command line.
        show: Shows a line on standard output, such as the path of a pty. It is called only until
            the machine has started; later a command that creates a pty returns the path.
        report: Shows an error that belongs to no command on standard error.
        wrap: Puts something between a control monitor's streams and their handlers.
        control: The monitor that answers QMP in place of the machine's own.

    Attributes:
        interface: The machine's declared interface.
        monitor: The monitor; at first no device is attached to it.
        monitors: The places where it is open.
        has_monitor_objects: True if its monitors are objects.
        state: The guest's run state.
        is_shutting_down: True once the machine executes no further command.
        devices: The character devices, objects and descriptor sets together.
        chardevs: The character devices.
        objects: The objects of -object and object-add.
        object_tree: The tree of all objects.
        descriptors: The sets of descriptors received from clients.
        chardev_commands: The handlers of the commands about character devices.
        blocks: The block nodes.
        is_singlestep: The value in query-status; it has no effect, as there is no guest code.
    """

    def __init__(
        self,
        options: Options,
        show: ShowText = _show_nothing,
        report: ShowText = log.error,
        wrap: Callable[[HandlerFactory], HandlerFactory] | None = None,
        control: Monitor | None = None,
    ) -> None:
        self.has_monitor_objects: bool = options.has_monitor_objects
        self.interface: Schema = load(options.has_monitor_objects)
        self.monitor: Monitor = Monitor(
            name="qmpeer",
            version=VERSION,
            package=f"qmpeer {__version__}",
            schema=self.interface,
            policy=options.policy,
            wrap=wrap,
        )
        self.state: RunState = RunState.PRELAUNCH
        self._control = self.monitor if control is None else control
        self._options = options
        self._show = show
        self.devices: Devices = Devices(
            options,
            self._show_at_start,
            report,
            self.quit,
            self.clients_changed,
            lambda: self.state is RunState.RUNNING,
        )
        self.descriptors: Descriptors = self.devices.descriptors
        self.chardevs: Chardevs = self.devices.chardevs
        self.objects: Objects = self.devices.objects
        self.monitors: Monitors = Monitors(
            self.monitor, self._control, self.chardevs, self.clients_changed, self._client_left
        )
        self.objects.add_maker(self.monitors)
        creatable = object_types(self.interface)
        self.object_tree: ObjectTree = ObjectTree(self.objects, self.chardevs, creatable)
        self._clients: set[object] = set()
        self.chardev_commands: ChardevCommands = ChardevCommands(self.chardevs)
        self._config_reader = ConfigReader(self.descriptors.open_path)
        self.blocks: BlockGraph = BlockGraph(self._config_reader.read)
        self.is_singlestep: bool = options.is_singlestep
        self.is_shutting_down: bool = False
        self._has_started = False
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
        command("getfd")(self.getfd)
        command("closefd")(self.closefd)
        command("add-fd")(self.add_fd)
        command("remove-fd")(self.descriptors.remove_from_set)
        command("query-fdsets")(self.descriptors.describe_sets)
        command("blockdev-add", exclusive=True)(self.blockdev_add)
        command("blockdev-del")(self.blocks.delete)
        command("migrate-pause")(self.migrate_pause)
        command("query-command-line-options")(describe_options)
        command("object-add")(self.object_add)
        command("object-del")(self.object_del)
        command("qom-list")(self.object_tree.qom_list)
        command("qom-get")(self.object_tree.qom_get)
        command("qom-list-types")(self.object_tree.qom_list_types)
        command("human-monitor-command")(self.human_monitor_command)
        self.chardev_commands.register(self.monitor)

    # Life

    def start(self) -> None:
        """Start the guest, unless -S was given; then open the monitors for commands.

        Spec: QEMU: the event goes to clients that have negotiated by now, so it is only in log
        files.
        """
        self._has_started = True
        if not self._options.is_stopped:
            self.cont()
        self._open_devices()

    def _open_devices(self) -> None:
        self.monitor.open_devices()
        if self._control is not self.monitor:
            self._control.open_devices()

    def _show_at_start(self, line: str) -> None:
        if not self._has_started:
            self._show(line)

    def shut_down(self, reason: str) -> None:
        """End the machine: send SHUTDOWN, then send the last replies and close the monitors.

        Args:
            reason: The reason in the event's data, such as host-qmp-quit or host-signal.
        """
        if self.is_shutting_down:
            return
        self.monitor.emit("SHUTDOWN", {"guest": False, "reason": reason})
        self.end()

    def end(self) -> None:
        """End the machine without an event: send the last replies and close the monitors."""
        if self.is_shutting_down:
            return
        self.is_shutting_down = True
        self.chardevs.close()
        self._config_reader.close()  # ends a blockdev-add that waits for a FIFO
        self.monitor.shutdown()
        self._control.shutdown()

    def clients_changed(self) -> None:
        """Update the descriptors in sets after a client of QMP has connected or disconnected.

        If one client was replaced by another since the last call, the first left before the
        second came: for that moment there was no client.

        Spec: QEMU checks which descriptors in sets are still needed whenever a client disconnects.
        """
        before = self._clients
        devices = (device for device in self.monitors.control_devices if device.opens != "never")
        clients = self._clients = {device.client for device in devices if device.client}
        if before - clients:  # somebody left; those who were there before and after kept the sets
            self.descriptors.has_clients = bool(before & clients)
            self.descriptors.clean_sets()
        self.descriptors.has_clients = bool(clients)

    # The guest

    def query_status(self) -> JsonObject:
        """Return the guest's run state."""
        is_running = self.state is RunState.RUNNING
        return {"status": self.state.value, "singlestep": self.is_singlestep, "running": is_running}

    def stop(self) -> None:
        """Stop the guest."""
        if self._move("stop"):
            self.monitor.emit("STOP")

    def stop_to_load(self) -> None:
        """Stop the guest before a snapshot is loaded."""
        if self._move("loadvm"):
            self.monitor.emit("STOP")

    def cont(self) -> None:
        """Start or resume the guest."""
        if self._move("cont"):
            self.monitor.emit("RESUME")

    def system_reset(self) -> None:
        """Reset the guest."""
        self._move("system_reset")
        self.monitor.emit("RESET", {"guest": False, "reason": "host-qmp-system-reset"})

    def _move(self, command: str) -> bool:
        """Move to the state that a command leads to; return whether the state changed."""
        before, self.state = self.state, next_state(command, self.state)
        return self.state is not before

    def system_powerdown(self) -> None:
        """Press the power button; there is no guest to react."""
        self.monitor.emit("POWERDOWN")

    def quit(self) -> None:
        """End the machine."""
        self.shut_down("host-qmp-quit")

    def query_name(self) -> JsonObject:
        """Return the guest's name if it has one."""
        name = self._options.guest_name
        return {} if name is None else {"name": name}

    def query_uuid(self) -> JsonObject:
        """Return the guest's UUID."""
        return {"UUID": self._options.guest_uuid}

    # The machine

    def query_kvm(self) -> JsonObject:
        """Return whether KVM is in use, and whether this host has it."""
        return {"enabled": False, "present": os.path.exists(KVM_DEVICE)}

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
        """Return the guest's drives: none, as the nodes of blockdev-add aren't drives."""
        return []

    # The command line, objects and people

    def object_add(self, **properties: JsonValue) -> None:
        """Create an object."""
        try:
            self.add_object(properties)
        except ChardevError as error:
            raise CommandError("GenericError", error.reason) from error

    def add_object(self, properties: JsonObject) -> None:
        """Create an object while the machine runs.

        Raises:
            ChardevError: If it can't be created, in QEMU's words.
        """
        self.objects.add(properties)
        self._open_devices()  # a new monitor greets at once

    def object_del(self, id: str, *, context: Context) -> None:
        """Remove an object."""
        try:
            self.objects.remove(id, context)
        except ChardevError as error:
            raise CommandError("GenericError", error.reason) from error

    def _client_left(self, id: str, label: str) -> None:
        """Remove a monitor with close-action=delete, and its device."""
        self.objects.remove(id)
        self.chardevs.remove(label)

    def human_monitor_command(
        self, command_line: str, cpu_index: int | None = None, *, context: Context
    ) -> str | Awaitable[str]:
        """Execute a line of the human monitor."""
        if cpu_index is not None:
            raise CommandError("GenericError", qemu_texts.expects("cpu-index", "a CPU number"))
        return self.monitor.run_human(command_line, context)

    # Descriptors

    def getfd(self, fdname: str, *, context: Context) -> None:
        """Store a descriptor that came with this command under a name."""
        name_received(context.named_fds, fdname, context.take_fds())

    def closefd(self, fdname: str, *, context: Context) -> None:
        """Close the descriptor of this name."""
        close_named(context.named_fds, fdname)

    def add_fd(
        self, fdset_id: int | None = None, opaque: str | None = None, *, context: Context
    ) -> JsonObject:
        """Put a descriptor that came with this command into a set."""
        return self.descriptors.add_to_set(fdset_id, opaque, context.take_fds())

    # Block nodes

    def blockdev_add(self, **arguments: JsonValue) -> None:
        """Create a block node."""
        self.blocks.add(arguments)

    # Out of band

    def migrate_pause(self) -> None:
        """Refuse: there is no migration to pause."""
        raise CommandError(
            "GenericError",
            "migrate-pause is currently only supported during postcopy-active state",
        )

    def close(self) -> None:
        """Close the descriptors that the machine still holds."""
        self.descriptors.close()
