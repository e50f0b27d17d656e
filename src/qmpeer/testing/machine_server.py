"""The machine of ``qmpeer serve``, in this process, for tests."""

from collections.abc import Callable, Sequence

from qmpeer.faults import Faults
from qmpeer.machine import parse_options
from qmpeer.machine.machine import Machine
from qmpeer.machine.startup import open_all
from qmpeer.testing.threaded_server import ThreadedServer


class MachineServer(ThreadedServer):
    """The built-in machine, with a QMP monitor.

    Args:
        options: QEMU's options for it, such as ``["-S", "-name", "guest"]``.
        faults: Faults between it and its clients.
        seed: The seed of their chance.

    Raises:
        StartError: If an option is wrong; `start` may raise it, too.
    """

    def __init__(
        self, options: Sequence[str] = (), *, faults: Faults | None = None, seed: int = 0
    ) -> None:
        super().__init__(faults=faults, seed=seed)
        parse_options(options)
        self._options = options
        self._machine: Machine | None = None

    async def run(self, path: str, when_ready: Callable[[], None]) -> None:
        """Open the monitors, start the guest, and serve until somebody quits."""
        monitor = ("-qmp", f"unix:{path},server=on,wait=off")
        options = parse_options([*self._options, *monitor])
        machine = Machine(options, wrap=self.wrap)
        machine.monitor.human.later(lambda: _register_human_commands(machine))
        self._machine = machine
        try:
            await open_all(machine, options, lambda text: None)
            machine.start()
            when_ready()
            await machine.monitor.wait_closed()
        finally:
            machine.devices.close()
            self._machine = None

    def end(self) -> None:
        """End the machine."""
        if self._machine is not None:
            self._machine.shut_down("host-signal")


def _register_human_commands(machine: Machine) -> None:
    from qmpeer.machine.human import register_human_commands  # start: 20 ms

    register_human_commands(machine)
