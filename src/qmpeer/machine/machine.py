"""The built-in machine: a guest's run state, what devices there are, and their commands.

It is small on purpose. There is no guest in it, as in QEMU's machine type ``none``, and what it
answers is what QEMU 7.2 answers there. Commands and events are declared in ``qapi/``; here are the
handlers.
"""

import logging
import os
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

from qmpeer import __version__
from qmpeer.chardev import Chardev, Chardevs, Host
from qmpeer.errors import ChardevError, CommandError
from qmpeer.machine.blkdebug_config import ConfigReader
from qmpeer.machine.block_graph import BlockGraph
from qmpeer.machine.chardev_commands import ChardevCommands
from qmpeer.machine.command_line_options import describe_options
from qmpeer.machine.descriptors import Descriptors, close_named, name_received
from qmpeer.machine.interface import load
from qmpeer.machine.objects import Objects
from qmpeer.machine.options import Options
from qmpeer.machine.run_states import RunState, next_state
from qmpeer.messages import qemu_texts
from qmpeer.monitor import Context, Monitor
from qmpeer.values import JsonObject, JsonValue

log: logging.Logger = logging.getLogger("qmpeer.machine")
KVM_DEVICE: Final = "/dev/kvm"
VERSION: Final = (7, 2, 0)
"""The QEMU whose interface this is."""
Say: TypeAlias = Callable[[str], None]
"""Shows a text to whoever started the process."""


def _say_nothing(line: str) -> None:
    """Stand in where a program shows nothing."""


class Machine:
    """A machine with a monitor of its own, whose commands it answers.

    Args:
        options: What the command line asked for.
        show: Shows a line on standard output, such as where a pty is, until the machine has
            started: whoever makes one later gets its path as an answer.
        report: Shows an error on standard error that no command asked for.

    Attributes:
        monitor: The monitor; it is open nowhere yet.
        state: Whether the guest runs.
        is_shutting_down: Whether it takes no further command.
        chardevs: The character devices.
        objects: What -object and object-add have made.
        descriptors: The sets of descriptors that clients have sent.
        chardev_commands: The handlers of the commands about character devices.
        blocks: The block nodes.
        is_singlestep: What query-status says of stepping; there is nothing to step through.
    """

    def __init__(self, options: Options, show: Say = _say_nothing, report: Say = log.error) -> None:
        self.monitor: Monitor = Monitor(
            name="qmpeer",
            version=VERSION,
            package=f"qmpeer {__version__}",
            schema=load(),
            policy=options.policy,
        )
        self.state: RunState = RunState.PRELAUNCH
        self._options = options
        self.descriptors: Descriptors = Descriptors(lambda: self.state is RunState.RUNNING)
        self.objects: Objects = Objects(self.descriptors.open_path)
        self._show = show
        host = Host(
            say=self._show_at_start,
            report=report,
            quit=self.quit,
            when_changed=self.clients_changed,
            open_path=self.descriptors.open_lasting,
            close_path=self.descriptors.close_lasting,
            credentials=self.objects.credentials,
            is_object=self.objects.types.__contains__,
            authorizers=self.objects.authorizers,
            origins=options.origins,
            escape=options.escape,
            is_insecure=options.is_insecure,
            handshake_timeout=options.handshake_timeout,
            standard=None if options.is_daemon else (0, 1),
        )
        self.chardevs: Chardevs = Chardevs(host)
        self._control_devices: list[Chardev] = []
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
        command("human-monitor-command")(self.human_monitor_command)
        self.chardev_commands.register(self.monitor)

    # Life

    def start(self) -> None:
        """Let the guest run, unless it was to wait for cont.

        Spec: QEMU: who has negotiated by then gets the event, which is nobody but a log file.
        """
        self._has_started = True
        if not self._options.is_stopped:
            self.cont()
        self.monitor.open_devices()

    def _show_at_start(self, line: str) -> None:
        if not self._has_started:
            self._show(line)

    def shut_down(self, reason: str) -> None:
        """End the machine: send SHUTDOWN, then finish the answers and close the monitors.

        Args:
            reason: As in the event's data: host-qmp-quit, host-signal.
        """
        if self.is_shutting_down:
            return
        self.monitor.emit("SHUTDOWN", {"guest": False, "reason": reason})
        self.end()

    def end(self) -> None:
        """Finish the answers and close the monitors."""
        if self.is_shutting_down:
            return
        self.is_shutting_down = True
        self.chardevs.close()
        self._config_reader.close()
        self.monitor.shutdown()

    def add_control_device(self, device: Chardev) -> None:
        """Count the clients of a device that has a QMP monitor; one may be there already."""
        self._control_devices.append(device)
        self.clients_changed()

    def clients_changed(self) -> None:
        """Take note that a client has come or gone.

        If one client left and another came since the last look, the first left before the other
        came.

        Spec: QEMU looks which descriptors in sets are still wanted whenever a client has gone.
        """
        before = self._clients
        devices = (device for device in self._control_devices if device.opens != "never")
        clients = self._clients = {device.client for device in devices if device.client}
        if before - clients:
            self.descriptors.has_clients = bool(before & clients)
            self.descriptors.clean_sets()
        self.descriptors.has_clients = bool(clients)

    # The guest

    def query_status(self) -> JsonObject:
        """Return whether the guest runs."""
        is_running = self.state is RunState.RUNNING
        return {"status": self.state.value, "singlestep": self.is_singlestep, "running": is_running}

    def stop(self) -> None:
        """Stop the guest."""
        if self._move("stop"):
            self.monitor.emit("STOP")

    def stop_to_load(self) -> None:
        """Stop the guest because a snapshot is about to be loaded."""
        if self._move("loadvm"):
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
        """Return the drives that the guest sees: none, as nodes of blockdev-add aren't drives."""
        return []

    # The command line, objects and people

    def object_add(self, **properties: JsonValue) -> None:
        """Make an object."""
        try:
            self.objects.add(properties)
        except ChardevError as error:
            raise CommandError("GenericError", error.reason) from error

    def object_del(self, id: str) -> None:
        """Remove an object."""
        try:
            self.objects.remove(id)
        except ChardevError as error:
            raise CommandError("GenericError", error.reason) from error

    def human_monitor_command(
        self, command_line: str, cpu_index: int | None = None, *, context: Context
    ) -> str | Awaitable[str]:
        """Execute a line of the human monitor."""
        if cpu_index is not None:
            raise CommandError("GenericError", qemu_texts.expects("cpu-index", "a CPU number"))
        return self.monitor.run_human(command_line, context)

    # Descriptors

    def getfd(self, fdname: str, *, context: Context) -> None:
        """Keep a descriptor that came with this command under a name."""
        name_received(context.named_fds, fdname, context.take_fds())

    def closefd(self, fdname: str, *, context: Context) -> None:
        """Close the descriptor of a name."""
        close_named(context.named_fds, fdname)

    def add_fd(
        self, fdset_id: int | None = None, opaque: str | None = None, *, context: Context
    ) -> JsonObject:
        """Put a descriptor that came with this command into a set."""
        return self.descriptors.add_to_set(fdset_id, opaque, context.take_fds())

    # Block nodes

    def blockdev_add(self, **arguments: JsonValue) -> None:
        """Make a block node."""
        self.blocks.add(arguments)

    # Out of band

    def migrate_pause(self) -> None:
        """Refuse: there is no migration to pause."""
        raise CommandError(
            "GenericError",
            "migrate-pause is currently only supported during postcopy-active state",
        )

    def close(self) -> None:
        """Give back what the machine holds of the system."""
        self.descriptors.close()
