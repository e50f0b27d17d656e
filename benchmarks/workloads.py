"""The workloads, by name: functions that take one sample of a contestant."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks import (
    client_load,
    fan_out_load,
    policy_load,
    relay_load,
    schema_load,
    server_load,
    tool_load,
    wire_load,
)
from benchmarks.cores import one_core
from benchmarks.rounds import Sample
from benchmarks.rows import Quantity
from benchmarks.servers import Servers
from benchmarks.validating_monitor import COMMAND as CHECKED_COMMAND

DEPTH = 64
REQUEST_SIZE = 256 * 1024
ONES = 150_000
IDLE_CLIENTS = 1000
WAVE = 1000


@dataclass(frozen=True, slots=True)
class Effort:
    """The size of one sample.

    Attributes:
        seconds: The time for which a server is loaded.
        commands: The number of commands that a client sends one by one.
        waves: The number of times that a client has its 1,000 commands in flight.
        events: The number of events that a client takes.
        schemas: The number of times that a client asks for the schema.
        fanned_out: The number of events that each of many clients gets.
    """

    seconds: float = 0.6
    commands: int = 2000
    waves: int = 5
    events: int = 20_000
    schemas: int = 10
    fanned_out: int = 300


QUICK = Effort(seconds=0.2, commands=500, waves=2, events=5000, schemas=4, fanned_out=100)


def quoted_request(document: str) -> bytes:
    """Write a command with a large argument in single quotes, which only QEMU's dialect allows.

    The answer is a short error, so most of the time is spent reading.
    """
    return b"{'execute':'query-version','arguments':{'a':%b}}\n" % document.encode()


class Workloads:
    """Functions that take samples: `by_name[workload](contestant)`."""

    by_name: dict[str, Callable[[str], Sample]]

    def __init__(self, servers: Servers, effort: Effort, *, cpu_server: str) -> None:
        """Prepare the workloads.

        Args:
            servers: The source of servers.
            effort: The size of a sample.
            cpu_server: The server for measuring the CPU time of a command: `qemu` or `fake`.
        """
        self._is_pinned = True
        self._servers = servers
        self._effort = effort
        self.by_name = {
            "sequential": self._sequential,
            "eight": self._eight,
            "pipelined": self._pipelined,
            "reply": self._reply,
            "request": self._request,
            "connect": self._connect,
            "quoted": self._quoted,
            "ones": self._ones,
            "idle": self._idle,
            "commands": lambda name: self._commands(name, cpu_server),
            "commands-qemu": lambda name: self._commands(name, "qemu"),
            "commands-fake": lambda name: self._commands(name, "fake"),
            "pipelined-commands": self._pipelined_commands,
            "events": self._events,
            "until": self._until,
            "schema": self._schema,
            "first-reply": self._first_reply,
            "exec": self._exec,
            "prompt": self._prompt,
            "completion": self._completion,
            "keystroke": self._keystroke,
            "validation": self._validation,
            "wire": self._wire,
            "relayed": self._relayed,
            "relayed-pipelined": self._pipelined,
            "proxied": self._proxied,
            "proxied-pipelined": self._proxied_pipelined,
            "fan-out": self._fan_out,
            "human-command": self._human_command,
            "human-line": self._human_line,
            "serve-greeting": self._serve_greeting,
            "judged": policy_load.seconds,
            "tools": lambda name: schema_load.seconds(name, servers.folder),
        }
        for workload in ("sequential", "commands", "wire"):
            self.by_name[f"{workload}-unpinned"] = partial(self._unpinned, self.by_name[workload])

    def _path(self, name: str) -> str:
        return self._servers.get(name).paths[0]

    def _round_trips(self, server: str) -> contextlib.AbstractContextManager[None]:
        """Measure the cost of a round trip without the time that a core takes to wake up."""
        pid = self._servers.get(server).pid
        return one_core(pid) if self._is_pinned else contextlib.nullcontext()

    def _unpinned(self, workload: Callable[[str], Sample], name: str) -> Sample:
        """Let the scheduler choose the cores of a round trip, as on a user's machine."""
        self._is_pinned = False
        try:
            return workload(name)
        finally:
            self._is_pinned = True

    # servers

    def _sequential(self, name: str) -> Sample:
        with self._round_trips(name):
            return {Quantity.RATE: server_load.sequential(self._path(name), self._effort.seconds)}

    def _eight(self, name: str) -> Sample:
        paths = self._servers.get(name).paths
        return {Quantity.RATE: server_load.pipelined(paths, 1, self._effort.seconds)}

    def _pipelined(self, name: str) -> Sample:
        path = self._path(name)
        return {Quantity.RATE: server_load.pipelined([path], DEPTH, self._effort.seconds)}

    def _reply(self, name: str) -> Sample:
        path, command = self._path(name), server_load.SCHEMA
        return {Quantity.RATE: server_load.sequential(path, self._effort.seconds / 2, command)}

    def _request(self, name: str) -> Sample:
        command = b'{"execute":"query-version","id":"%b"}\n' % (b"a" * REQUEST_SIZE)
        return self._throughput(name, command)

    def _connect(self, name: str) -> Sample:
        with self._round_trips(name):
            return {Quantity.RATE: server_load.reconnects(self._path(name), self._effort.seconds)}

    def _quoted(self, name: str) -> Sample:
        text = Path(self._servers.schema_file()).read_text(encoding="ascii")
        assert not set("'\\") & set(text)
        return self._throughput(name, quoted_request(text.replace('"', "'")))

    def _ones(self, name: str) -> Sample:
        return self._throughput(name, quoted_request(f"[{','.join('1' * ONES)}]"))

    def _throughput(self, name: str, request: bytes) -> Sample:
        seconds = self._effort.seconds / 2
        rate = server_load.throughput(self._path(name), request, seconds)
        return {Quantity.THROUGHPUT: rate}

    def _idle(self, name: str) -> Sample:
        # Each sample gets a server of its own: a process reuses freed memory and doesn't return it.
        server_load.allow_files(IDLE_CLIENTS + 100)
        server = self._servers.start(name)
        try:
            cost = server_load.idle_memory(server.paths[0], server.pid, IDLE_CLIENTS)
        finally:
            server.stop()
        return {Quantity.MEMORY: cost}

    def _validation(self, name: str) -> Sample:
        path, seconds = self._path(name), self._effort.seconds
        rate = server_load.pipelined([path], DEPTH, seconds, CHECKED_COMMAND)
        return {Quantity.RATE: rate}

    def _wire(self, name: str) -> Sample:
        wire = name.removeprefix("bare-")
        kind = "wires" if wire == name else "bare-wires"
        port = wire_load.port_of(wire, self._servers.get(kind).paths[0])
        with self._round_trips(kind):
            rate = wire_load.sequential(wire, port, self._servers.folder, self._effort.seconds)
        return {Quantity.RATE: rate}

    def _relayed(self, name: str) -> Sample:
        server = self._servers.get(name)
        return relay_load.round_trips(server.paths[0], server.pid, 2 * self._effort.seconds)

    def _proxied(self, name: str) -> Sample:
        server = self._servers.get(name)
        path, seconds = server.paths[0], 2 * self._effort.seconds
        return relay_load.round_trips(path, server.pid, seconds, server_load.NAME)

    def _proxied_pipelined(self, name: str) -> Sample:
        path, seconds = self._path(name), self._effort.seconds
        return {Quantity.RATE: server_load.pipelined([path], DEPTH, seconds, server_load.NAME)}

    def _fan_out(self, name: str) -> Sample:
        server_load.allow_files(IDLE_CLIENTS + 100)
        count = self._effort.fanned_out
        return {Quantity.RATE: fan_out_load.deliveries(self._path(name), IDLE_CLIENTS, count)}

    def _human_command(self, name: str) -> Sample:
        path, seconds = self._path(name), self._effort.seconds
        with self._round_trips(name):
            return {Quantity.RATE: server_load.sequential(path, seconds, server_load.HUMAN)}

    def _human_line(self, name: str) -> Sample:
        path, seconds = self._servers.get(name).human_path, self._effort.seconds
        with self._round_trips(name):
            return {Quantity.RATE: wire_load.human_lines(path, seconds)}

    # clients

    def _operations(self, name: str, test: str, server: str, count: int) -> Sample:
        return client_load.operations(name, test, self._path(server), count, self._servers.folder)

    def _commands(self, name: str, server: str) -> Sample:
        factor = 1 if server == "qemu" else 5
        with self._round_trips(server):
            return self._operations(name, "sequential", server, factor * self._effort.commands)

    def _until(self, name: str) -> Sample:
        with self._round_trips("qemu"):
            return self._operations(name, "until", "qemu", self._effort.commands)

    def _pipelined_commands(self, name: str) -> Sample:
        return self._operations(name, "pipelined", "fake", WAVE * self._effort.waves)

    def _events(self, name: str) -> Sample:
        return self._operations(name, "events", "fake", self._effort.events)

    def _schema(self, name: str) -> Sample:
        with self._round_trips("qemu"):
            return self._operations(name, "schema", "qemu", self._effort.schemas)

    def _exec(self, name: str) -> Sample:
        return tool_load.whole_run(name, self._path("qemu"), self._servers.folder)

    def _prompt(self, name: str) -> Sample:
        return tool_load.until_prompt(name, self._path("qemu"), self._servers.folder)

    def _completion(self, name: str) -> Sample:
        return tool_load.until_completion(name, self._path("qemu"), self._servers.folder)

    def _keystroke(self, name: str) -> Sample:
        return tool_load.measured(name, self._path("qemu"), self._servers.folder)

    def _serve_greeting(self, name: str) -> Sample:
        if name == "serve_imports":
            return tool_load.whole_run(name, "", self._servers.folder)
        return tool_load.until_greeting(name, self._servers.folder)

    def _first_reply(self, name: str) -> Sample:
        return client_load.first_reply(name, self._path("qemu"), self._servers.folder)
