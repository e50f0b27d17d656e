"""A guest agent: synchronization, programs, files, frozen file systems, a silent shutdown."""

import time
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

import msgspec

from qmpeer import limits
from qmpeer.errors import CommandError
from qmpeer.script.behaviours import Behaviour, Host, check_room, text_argument
from qmpeer.script.calls import Call
from qmpeer.script.rules import Messages
from qmpeer.values import JsonObject, JsonValue

_Function: TypeAlias = Callable[[Call], object]

_SENTINEL: Final = b"\xff"
_FIRST_HANDLE: Final = 1000
_WHILE_FROZEN: Final = frozenset(
    {
        "guest-fsfreeze-status",
        "guest-fsfreeze-thaw",
        "guest-info",
        "guest-ping",
        "guest-sync",
        "guest-sync-delimited",
    }
)
"""The commands of an agent whose file systems are frozen."""
_MODES: Final = ("halt", "powerdown", "reboot")


class Program(msgspec.Struct, frozen=True):
    """A program of the guest: its output and its end.

    Attributes:
        exit_code: Its exit code.
        stdout: Its standard output.
        stderr: Its standard error.
        seconds: Its duration.
    """

    exit_code: int = 0
    stdout: bytes = b""
    stderr: bytes = b""
    seconds: float = 0.0


class _Running(msgspec.Struct):
    program: Program
    is_captured: bool
    is_over: bool = False


class _OpenFile(msgspec.Struct):
    path: str
    at: int


class Agent(Behaviour):
    """A guest agent.

    Spec: qemu-ga 7.2, measured.

    Args:
        host: The server; one without a greeting.
        programs: What the guest's programs do, by their paths.
        files: The guest's files, by their paths.
        filesystems: The number of file systems that guest-fsfreeze-freeze freezes.

    Attributes:
        programs: As above.
        files: As above; what clients write is there, too.
        is_frozen: True while the file systems are frozen.
        mode: The mode of the last guest-shutdown; "" before that.
    """

    def __init__(
        self,
        host: Host,
        *,
        programs: Mapping[str, Program] | None = None,
        files: Mapping[str, bytes] | None = None,
        filesystems: int = 1,
    ) -> None:
        super().__init__(host)
        self.programs: dict[str, Program] = dict(programs or {})
        self.files: dict[str, bytes] = dict(files or {})
        self.is_frozen: bool = False
        self.mode: str = ""
        self._filesystems = filesystems
        self._processes: dict[int, _Running] = {}
        self._last_pid = _FIRST_HANDLE
        self._open: dict[int, _OpenFile] = {}
        self._last_handle = _FIRST_HANDLE - 1
        self._names: list[str] = []
        for name, function in {
            "guest-sync": self._sync,
            "guest-sync-delimited": self._sync_delimited,
            "guest-ping": self._ping,
            "guest-info": self._info,
            "guest-exec": self._exec,
            "guest-exec-status": self._exec_status,
            "guest-fsfreeze-status": self._freeze_status,
            "guest-fsfreeze-freeze": self._freeze,
            "guest-fsfreeze-freeze-list": self._freeze,
            "guest-fsfreeze-thaw": self._thaw,
            "guest-file-open": self._file_open,
            "guest-file-close": self._file_close,
            "guest-file-read": self._file_read,
            "guest-file-write": self._file_write,
            "guest-file-flush": self._file_flush,
            "guest-get-host-name": self._host_name,
            "guest-get-time": self._time,
            "guest-set-time": self._ping,
            "guest-shutdown": self._shutdown,
        }.items():
            self._names.append(name)
            self.answer(name, self._unless_frozen(function))

    def _unless_frozen(self, function: _Function) -> _Function:
        def answer(call: Call) -> object:
            if self.is_frozen and call.name not in _WHILE_FROZEN:
                desc = f"Command {call.name} has been disabled: the agent is in frozen state"
                raise CommandError("CommandNotFound", desc)
            return function(call)

        return answer

    # Synchronization and information

    def _sync(self, call: Call) -> JsonValue:
        id: JsonValue = call.arguments.get("id")
        return id

    def _sync_delimited(self, call: Call) -> Messages:
        return Messages(_SENTINEL, {"return": call.arguments.get("id")})

    def _ping(self, call: Call) -> None:
        pass

    def _info(self, call: Call) -> JsonValue:
        commands: list[JsonValue] = [
            {
                "name": name,
                "enabled": not self.is_frozen or name in _WHILE_FROZEN,
                "success-response": name != "guest-shutdown",
            }
            for name in self._names
        ]
        return {"version": "7.2.0", "supported_commands": commands}

    def _host_name(self, call: Call) -> JsonValue:
        return {"host-name": "guest"}

    def _time(self, call: Call) -> JsonValue:
        return time.time_ns()

    def _shutdown(self, call: Call) -> Messages:
        mode = text_argument(call, "mode") or "powerdown"
        if mode not in _MODES:
            # QEMU's text lacks the closing bracket, too.
            desc = f"mode is invalid (valid values are: {'|'.join(_MODES)}"
            raise CommandError("GenericError", desc)
        self.mode = mode
        return Messages(b"")  # success has no response

    # Programs

    def _exec(self, call: Call) -> JsonValue:
        path = text_argument(call, "path")
        program = self.programs.get(path)
        if program is None:
            reason = f"Failed to execute child process “{path}” (No such file or directory)"
            desc = f"Guest agent command failed, error was '{reason}'"
            raise CommandError("GenericError", desc)
        check_room(self._processes)
        self._last_pid += 1
        # Newer agents take the streams to capture, too: "stdout", "merged", …
        is_captured = call.arguments.get("capture-output") not in (None, False, "none")
        running = self._processes[self._last_pid] = _Running(program, is_captured)
        if program.seconds:
            self.later(program.seconds, lambda: setattr(running, "is_over", True))
        else:
            running.is_over = True
        return {"pid": self._last_pid}

    def _exec_status(self, call: Call) -> JsonValue:
        pid = call.arguments.get("pid")
        running = self._processes.get(pid) if isinstance(pid, int) else None
        if running is None or not isinstance(pid, int):
            raise CommandError("GenericError", "Invalid parameter 'pid'")
        if not running.is_over:
            return {"exited": False}
        del self._processes[pid]
        program = running.program
        status: JsonObject = {"exited": True, "exitcode": program.exit_code}
        if running.is_captured:
            for name, data in (("out", program.stdout), ("err", program.stderr)):
                if data:
                    status |= {f"{name}-data": _text(data), f"{name}-truncated": False}
        return status

    # File systems

    def _freeze_status(self, call: Call) -> JsonValue:
        return "frozen" if self.is_frozen else "thawed"

    def _freeze(self, call: Call) -> JsonValue:
        self.is_frozen = True
        return self._filesystems

    def _thaw(self, call: Call) -> JsonValue:
        count = self._filesystems if self.is_frozen else 0
        self.is_frozen = False
        return count

    # Files

    def _file_open(self, call: Call) -> JsonValue:
        path, mode = text_argument(call, "path"), text_argument(call, "mode") or "r"
        if mode.startswith("r") and path not in self.files:
            desc = f"failed to open file '{path}' (mode: '{mode}'): No such file or directory"
            raise CommandError("GenericError", desc)
        check_room(self._open)
        check_room(self.files)
        if mode.startswith("w"):
            self.files[path] = b""
        at = len(self.files.setdefault(path, b"")) if mode.startswith("a") else 0
        self._last_handle += 1
        self._open[self._last_handle] = _OpenFile(path, at)
        return self._last_handle

    def _file(self, call: Call) -> _OpenFile:
        handle = call.arguments.get("handle")
        file = self._open.get(handle) if isinstance(handle, int) else None
        if file is None:
            raise CommandError("GenericError", f"handle '{handle}' has not been found")
        return file

    def _file_close(self, call: Call) -> None:
        self._file(call)
        del self._open[call.arguments["handle"]]  # type: ignore[arg-type]  # _file() has seen it

    def _file_read(self, call: Call) -> JsonValue:
        file, count = self._file(call), call.arguments.get("count")
        most = count if isinstance(count, int) else 4096
        data = self.files[file.path][file.at : file.at + most]
        file.at += len(data)
        is_end = file.at >= len(self.files[file.path]) and len(data) < most
        return {"count": len(data), "buf-b64": _text(data), "eof": is_end}

    def _file_write(self, call: Call) -> JsonValue:
        file, data = self._file(call), b64decode(text_argument(call, "buf-b64"))
        if file.at + len(data) > limits.SCRIPT_GUEST_FILE:
            desc = "failed to write to file: No space left on device"
            raise CommandError("GenericError", desc)
        before = self.files[file.path]
        self.files[file.path] = before[: file.at] + data + before[file.at + len(data) :]
        file.at += len(data)
        return {"count": len(data), "eof": False}

    def _file_flush(self, call: Call) -> None:
        self._file(call)


def _text(data: bytes) -> str:
    return b64encode(data).decode()
