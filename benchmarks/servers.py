"""The measured servers: started on demand, each in its own process, ended together."""

import importlib.util
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from benchmarks import programs, wire_load
from benchmarks.rounds import LeftOutError
from benchmarks.server_load import connect

MONITORS = 8
QEMU = "qemu-system-x86_64"
OPTIONS = ["-machine", "none", "-nodefaults", "-display", "none", "-accel", "tcg"]
START_SECONDS = 20.0
ROOT = Path(__file__).parent.parent


def environment(loop: str = "") -> dict[str, str]:
    """Return the environment in which our processes find this package.

    They cache bytecode, whatever the caller's environment says. Otherwise our modules would be
    compiled at every start, while other clients were compiled when they were installed.
    """
    paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    variables = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}
    variables.pop("PYTHONDONTWRITEBYTECODE", None)
    return variables | {"QMPEER_LOOP": loop} if loop else variables


class Server:
    """One running server process and the unix paths of its monitors."""

    def __init__(self, argv: list[str], paths: list[str], log: Path, loop: str = "") -> None:
        self.paths = paths
        self.human_path = _human_path(paths)
        self._log = log
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=environment(loop),
            )
        self.pid = self._process.pid
        try:
            self._wait_until_up()
        except BaseException:
            self.stop()
            raise

    def _wait_until_up(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        for path in self.paths:
            while not _answers(path):
                if self._process.poll() is not None:
                    raise LeftOutError(self._last_words())
                if time.monotonic() > deadline:
                    raise LeftOutError(f"the server did not come up within {START_SECONDS:.0f} s")
                time.sleep(0.01)

    def _last_words(self) -> str:
        lines = self._log.read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else f"the server ended with status {self._process.returncode}"

    def stop(self) -> None:
        """End the process and wait for its end."""
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _human_path(paths: list[str]) -> str:
    """Return the path of the human monitor of a server that has one."""
    return paths[0].replace("-0.sock", "-human.sock")


def _answers(path: str) -> bool:
    """Return True if a monitor greets and negotiates at this path."""
    try:
        connect(path, timeout=START_SECONDS).close()
    except (FileNotFoundError, ConnectionRefusedError, ConnectionResetError, EOFError):
        return False
    return True


class Servers:
    """The running servers by contestant's name, all ended together.

    Names: `qemu`, `fake` (the C server), `wires` (`qmpeer serve` with a monitor on every wire),
    `bare-wires` (`bare_server` on every wire), and, followed by `+asyncio` or `+uvloop`, `bare`
    (`bare_server`), `qmpeer` (`qmpeer serve`), `schema-monitor` and `crowd`
    (both `schema_monitor`), `checked` and `unchecked` (`validating_monitor`), `replay`
    (`replay_monitor`), and in front of the first monitor of `qemu`, one at a time, `relay`
    (`relay_server`) and `socat`. A proxy keeps its monitor, so there is a second QEMU: `behind`,
    whose first monitor is for direct clients and for `behind-socat`, the others are those of
    `proxy` (`proxy_server`), of `guarded`, which has a policy and an audit log, and of `synced`,
    whose log is on the disk before a command is sent, each on both loops. `fan-out` and
    `proxy-crowd` are such proxies before a server like `fake`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._running: dict[str, Server] = {}
        self._refused: dict[str, str] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        while self._running:
            self._running.popitem()[1].stop()

    def get(self, name: str) -> Server:
        """Return the server of this name; start it if it isn't running yet.

        Raises:
            LeftOutError: If it can't be started here.
        """
        if name in self._refused:
            raise LeftOutError(self._refused[name])
        if name not in self._running:
            try:
                self._running[name] = self.start(name)
            except LeftOutError as reason:
                self._refused[name] = str(reason)
                raise
        return self._running[name]

    def start(self, name: str, *options: str) -> Server:
        """Start one more server of this name; the caller stops it."""
        return self.with_monitors(name, MONITORS, *options)

    def with_monitors(self, name: str, count: int, *options: str) -> Server:
        """Start one more server of this name, if possible with so many monitors, one a client."""
        kind, _, loop = name.partition("+")
        if loop == "uvloop" and importlib.util.find_spec("uvloop") is None:
            raise LeftOutError("uvloop is not installed")
        if kind not in ("qemu", "behind", "qmpeer"):
            count = 1
        paths = [str(self.folder / f"{name}-{number}.sock") for number in range(count)]
        argv = [*self._program(kind, loop, paths), *options]
        return Server(argv, paths, self.folder / f"{name}.log", loop)

    def _program(self, kind: str, loop: str, paths: list[str]) -> list[str]:
        monitors = [word for path in paths for word in ("-qmp", f"unix:{path},server=on,wait=off")]
        monitors += ["-monitor", f"unix:{_human_path(paths)},server=on,wait=off"]
        match kind:
            case "qemu" | "behind":
                if shutil.which(QEMU) is None:
                    raise LeftOutError(f"no {QEMU}")
                return [QEMU, *OPTIONS, *monitors]
            case "qmpeer":
                return [sys.executable, "-m", "qmpeer", "serve", *OPTIONS, *monitors]
            case "wires":
                wires = wire_load.options(self.folder)
                return [sys.executable, "-m", "qmpeer", "serve", *OPTIONS, *monitors, *wires]
            case "bare":
                return [sys.executable, "-m", "benchmarks.bare_server", *paths]
            case "bare-wires":
                return [sys.executable, "-m", "benchmarks.bare_server", *paths, str(self.folder)]
            case "fake" | "fake-behind-asyncio" | "fake-behind-uvloop":
                return [str(programs.build("cserver", self.folder)), *paths, self.schema_file()]
            case "relay":
                module = "benchmarks.relay_server"
                return [sys.executable, "-m", module, self.get("qemu").paths[0], *paths]
            case "proxy" | "guarded" | "synced":
                monitor = {"proxy": 1, "guarded": 3, "synced": 5}[kind] + (loop == "uvloop")
                server = self.get("behind").paths[monitor]
                log = {"guarded": ["off"], "synced": ["command"]}.get(kind, [])
                folder = [str(self.folder)] if log else []
                module = "benchmarks.proxy_server"
                return [sys.executable, "-m", module, server, *paths, *log, *folder]
            case "fan-out" | "proxy-crowd":
                server = self.get(f"fake-behind-{loop}").paths[0]
                return [sys.executable, "-m", "benchmarks.proxy_server", server, *paths]
            case "socat" | "behind-socat":
                if shutil.which("socat") is None:
                    raise LeftOutError("no socat")
                server = self.get("qemu" if kind == "socat" else "behind").paths[0]
                return ["socat", f"UNIX-LISTEN:{paths[0]},fork", f"UNIX-CONNECT:{server}"]
            case "checked" | "unchecked":
                return [sys.executable, "-m", "benchmarks.validating_monitor", kind, *paths]
            case "replay":
                return [sys.executable, "-m", "benchmarks.replay_monitor", *paths]
            case _:
                module = "benchmarks.schema_monitor"
                return [sys.executable, "-m", module, *paths, self.schema_file()]

    def schema_file(self) -> str:
        """Return the file with the real QEMU's return value for query-qmp-schema."""
        file = self.folder / "schema.json"
        if not file.exists():
            with connect(self.get("qemu").paths[0]) as stream, stream.makefile("rb") as lines:
                stream.sendall(b'{"execute":"query-qmp-schema"}\n')
                reply = lines.readline().rstrip()
            file.write_bytes(reply.removeprefix(b'{"return": ').removesuffix(b"}"))
        return str(file)
