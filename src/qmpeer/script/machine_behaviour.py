"""A running machine: its run state, the commands that change it, its end."""

from qmpeer.machine.run_states import RunState, next_state
from qmpeer.script.behaviours import Behaviour, Host
from qmpeer.script.calls import Call
from qmpeer.script.rules import Messages
from qmpeer.values import JsonValue


class RunningMachine(Behaviour):
    """A machine whose run state follows the commands, as in QEMU.

    Spec: QEMU 7.2, measured: the events of a command come before its reply.

    Args:
        host: The server.
        status: Its run state at the beginning, as in query-status.
        powerdown: Seconds from system_powerdown to the end of the guest; None for a guest that
            ignores it.

    Attributes:
        status: Its run state.
    """

    def __init__(
        self, host: Host, *, status: str = "running", powerdown: float | None = 0.0
    ) -> None:
        super().__init__(host)
        self.status: str = status
        self._powerdown = powerdown
        self.answer("query-status", self._query_status)
        self.answer("stop", self._stop)
        self.answer("cont", self._cont)
        self.answer("system_reset", self._system_reset)
        self.answer("system_powerdown", self._system_powerdown)
        self.answer("quit", self._quit)

    def stop(self, status: str) -> None:
        """Stop the guest in a run state such as "postmigrate"."""
        if self.status == RunState.RUNNING.value:
            self.emit("STOP")
        self.status = status

    def _query_status(self, call: Call) -> JsonValue:
        is_running = self.status == RunState.RUNNING.value
        value: JsonValue = {"status": self.status, "singlestep": False, "running": is_running}
        return self.known("query-status", value)

    def _stop(self, call: Call) -> None:
        if self._move("stop"):
            self.emit("STOP")

    def _cont(self, call: Call) -> None:
        if self._move("cont"):
            self.emit("RESUME")

    def _system_reset(self, call: Call) -> None:
        self._move("system_reset")
        self.emit("RESET", {"guest": False, "reason": "host-qmp-system-reset"})

    def _system_powerdown(self, call: Call) -> None:
        self.emit("POWERDOWN")
        if self._powerdown is not None and self.status == RunState.RUNNING.value:
            self.later(self._powerdown, self._guest_ends)

    def _guest_ends(self) -> None:
        if self.status == RunState.RUNNING.value:
            self.status = "shutdown"
            self.emit("SHUTDOWN", {"guest": True, "reason": "guest-shutdown"})
            self.later(0, self._host.disconnect)

    def _quit(self, call: Call) -> Messages:
        self.status = "shutdown"
        self.emit("SHUTDOWN", {"guest": False, "reason": "host-qmp-quit"})
        self.later(0, self._host.disconnect)
        return Messages({"return": {}})

    def _move(self, command: str) -> bool:
        """Move to the state that a command leads to; return whether the state changed."""
        before = self.status
        try:
            self.status = next_state(command, RunState(before)).value
        except ValueError:  # one that the built-in machine doesn't have, such as postmigrate
            if command == "cont":
                self.status = RunState.RUNNING.value
        return self.status != before
