"""The guest agent's client against a pretended agent: old, silent, restarted, or wrong."""

import base64
import contextlib
import io
import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from qmpeer import CommandError, CommandInterrupted, ConnectionClosed
from qmpeer.client.agent_answers import Executed
from qmpeer.errors import AnswerError, LimitError
from tests.client.faces import Agent, Face
from tests.client.scripted import connected
from tests.patience import PATIENCE

FF = b"\xff"
NULL = object()
"""Stands for the answer null, as None stands for no answer."""


class Gone(Exception):
    """An order to the pretended agent to close the connection."""


class FakeAgent:
    """A pretended agent that listens on a path, in a thread.

    Attributes:
        echoes_ids: True if it supports the member "id", as agents do since about 2.12.
        has_delimited: True if it has guest-sync-delimited, as agents do since 1.1.
        answers: The answer to each command: a value, an exception, or a function of the arguments;
            None means no answer, NULL the answer null.
        seen: The commands received, in order.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.echoes_ids = True
        self.has_delimited = True
        self.answers: dict[str, Any] = {"guest-ping": {}}
        self.seen: list[str] = []
        self.changed = threading.Condition()
        self.failure: BaseException | None = None
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self._connection: socket.socket | None = None
        self._is_over = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._is_over:
            connection, _ = self._listener.accept()
            self._connection = connection
            with connection:
                try:
                    self._talk(connection)
                except (Gone, OSError):
                    pass
                except BaseException as failure:
                    self.failure = failure
                    return

    def _talk(self, connection: socket.socket) -> None:
        part = b""
        while data := connection.recv(1 << 16):
            *lines, part = (part + data).split(b"\n")
            for line in lines:
                if FF in line:
                    line = line.rpartition(FF)[2]
                    desc = "JSON parse error, stray '\ufffd'"
                    self._say(connection, {"error": {"class": "GenericError", "desc": desc}})
                self._do(connection, json.loads(line))

    def _do(self, connection: socket.socket, command: dict[str, Any]) -> None:
        name, arguments = command["execute"], command.get("arguments", {})
        try:
            answer, prefix = self._answer(name, arguments)
        finally:
            with self.changed:
                self.seen.append(name)
                self.changed.notify_all()
        if answer is None:
            return
        more = {"id": command["id"]} if self.echoes_ids else {}
        if isinstance(answer, CommandError):
            error = {"class": answer.error_class, "desc": answer.desc}
            self._say(connection, {"error": error, **more})
        else:
            value = None if answer is NULL else answer
            self._say(connection, {"return": value, **more}, prefix)

    def _answer(self, name: str, arguments: dict[str, Any]) -> tuple[Any, bytes]:
        answer = self.answers.get(name, CommandError("CommandNotFound", f"no {name}"))
        if name in self.answers:
            if callable(answer):
                answer = answer(**{key.replace("-", "_"): each for key, each in arguments.items()})
            if isinstance(answer, Gone):
                raise answer
            return answer, b""
        if name == "guest-sync":
            return arguments["id"], b""
        if name == "guest-sync-delimited" and self.has_delimited:
            return arguments["id"], FF
        return answer, b""

    def _say(self, connection: socket.socket, message: Any, prefix: bytes = b"") -> None:
        connection.sendall(prefix + json.dumps(message).encode() + b"\n")

    def say(self, data: bytes) -> None:
        """Send something unasked."""
        assert self._connection is not None
        self._connection.sendall(data)

    def wait_for(self, name: str, count: int = 1) -> None:
        """Wait until a command has come `count` times."""
        with self.changed:
            assert self.changed.wait_for(lambda: self.seen.count(name) >= count, PATIENCE)

    def close(self) -> None:
        self._is_over = True
        if self._connection is not None:
            with contextlib.suppress(OSError):
                self._connection.shutdown(socket.SHUT_RDWR)
        with socket.socket(socket.AF_UNIX) as last, contextlib.suppress(OSError):
            last.connect(str(self.path))
        self._thread.join(PATIENCE)
        self._listener.close()
        if self.failure is not None:
            raise self.failure


@pytest.fixture
def pretended(tmp_path: Path) -> Iterator[FakeAgent]:
    made = FakeAgent(tmp_path / "ga")
    yield made
    made.close()


@pytest.fixture
def agent(face: Face, pretended: FakeAgent) -> Iterator[Agent]:
    with face.agent(pretended.path, timeout=PATIENCE, command_timeout=PATIENCE) as made:
        yield made


def once(first: Any, then: Any) -> Callable[..., Any]:
    """Give one answer the first time, and another from then on."""
    answers = iter([first])
    return lambda **_: next(answers, then)


# Contact with the agent


@pytest.mark.parametrize("has_delimited", [True, False], ids=["delimited", "plain"])
@pytest.mark.parametrize("echoes_ids", [True, False], ids=["ids", "no ids"])
def test_agents_of_any_age(
    face: Face, pretended: FakeAgent, has_delimited: bool, echoes_ids: bool
) -> None:
    pretended.has_delimited, pretended.echoes_ids = has_delimited, echoes_ids
    pretended.answers["guest-get-time"] = 1234
    with face.agent(pretended.path, timeout=PATIENCE) as agent:
        agent.call("ping")
        assert agent.call("execute", "guest-get-time") == 1234
        with pytest.raises(CommandError, match="no guest-get-osinfo"):
            agent.call("execute", "guest-get-osinfo")
        agent.call("synchronize")


def test_what_an_agent_is(agent: Agent, pretended: FakeAgent) -> None:
    commands = [
        {"name": "guest-ping", "enabled": True, "success-response": True},
        {"name": "guest-shutdown", "enabled": False, "success-response": False},
        {"name": "guest-old"},
    ]
    pretended.answers["guest-info"] = {"version": "7.2.0", "supported_commands": commands}
    info = agent.call("info")
    assert info.version == "7.2.0"
    assert [
        (name, each.is_enabled, each.answers_success) for name, each in info.commands.items()
    ] == [
        ("guest-ping", True, True),
        ("guest-shutdown", False, False),
        ("guest-old", True, True),
    ]


def test_one_that_is_not_there_is_found_out_soon(agent: Agent, pretended: FakeAgent) -> None:
    """It takes seconds, even if the command's own deadline is long."""
    pretended.answers["guest-sync-delimited"] = None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("qmpeer.limits.AGENT_PRESENCE", 0.1)
        with pytest.raises(TimeoutError, match=r"the guest agent hasn't answered in 0\.1 s"):
            agent.call("ping", timeout=None)
    assert "guest-ping" not in pretended.seen
    del pretended.answers["guest-sync-delimited"]
    agent.call("ping")


@pytest.mark.parametrize("echoes_ids", [True, False], ids=["ids", "no ids"])
def test_a_command_that_takes_too_long(
    agent: Agent, pretended: FakeAgent, echoes_ids: bool
) -> None:
    """Its late or missing reply doesn't affect later commands."""
    pretended.echoes_ids = echoes_ids
    pretended.answers["guest-fstrim"] = None
    for _ in range(3):
        with pytest.raises(TimeoutError, match=r"fstrim wasn't answered|agent hasn't"):
            agent.call("execute", "guest-fstrim", timeout=0.05)
    pretended.answers["guest-get-time"] = 1234
    assert agent.call("execute", "guest-get-time") == 1234
    pretended.say(b'{"return": "late"}\n' if not echoes_ids else b'{"return": 1, "id": 12345}\n')
    assert agent.call("execute", "guest-get-time") == 1234


def test_first_contact_waits_for_an_agent_that_is_being_started(
    face: Face, pretended: FakeAgent, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Data sent before the agent opens its port is lost."""
    monkeypatch.setattr("qmpeer.limits.AGENT_RETRY", 0.05)
    lost = iter([None, None, None])

    def synchronize(id: int) -> Any:
        return next(lost, id)

    pretended.answers["guest-sync-delimited"] = synchronize
    with face.agent(pretended.path, timeout=PATIENCE) as agent:
        agent.call("ping")


def test_first_contact_that_fails(face: Face, pretended: FakeAgent, tmp_path: Path) -> None:
    pretended.answers["guest-sync-delimited"] = None
    with pytest.raises(TimeoutError, match=r"hasn't answered in 0\.1 s: it may not be running"):
        face.agent(pretended.path, timeout=0.1)
    with pytest.raises(FileNotFoundError):
        face.agent(tmp_path / "nobody", timeout=PATIENCE)
    with pytest.raises(TimeoutError):
        face.agent(tmp_path / "nobody", timeout=0.1, wait_for_socket=True)


@pytest.mark.parametrize("said", [b"QEMU 7.2.0 monitor - type 'help'\r\n(qemu) ", b'lue"}\n'])
def test_who_is_no_agent(face: Face, said: bytes) -> None:
    """It is distinguished from the rest of a reply to another client."""
    ours, theirs = socket.socketpair()
    theirs.sendall(said)
    with pytest.raises(TimeoutError) as caught:
        face.agent(ours, timeout=0.1)
    assert ("looks like QEMU's human monitor" in str(caught.value)) is said.startswith(b"QEMU")
    theirs.close()


def test_one_that_is_restarted_while_nothing_is_done(agent: Agent, pretended: FakeAgent) -> None:
    for _ in range(3):
        pretended.answers["guest-ping"] = once(Gone(), {})
        with pytest.raises(CommandInterrupted, match="guest-ping was cut off"):
            agent.call("ping")
        agent.call("ping")
        pretended.answers["guest-sync-delimited"] = lambda id: Gone()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("qmpeer.limits.AGENT_PRESENCE", 0.1)
            with pytest.raises((CommandInterrupted, ConnectionClosed, TimeoutError)):
                agent.call("ping")
        del pretended.answers["guest-sync-delimited"]
        agent.call("ping")


@pytest.mark.parametrize("echoes_ids", [True, False], ids=["ids", "no ids"])
def test_one_that_is_restarted_behind_a_connection_that_stays(
    agent: Agent, pretended: FakeAgent, echoes_ids: bool
) -> None:
    """As with a port of QEMU's, only half a reply is left of the old agent."""
    pretended.echoes_ids = echoes_ids
    pretended.answers["guest-file-open"] = None
    executing = agent.start("execute", "guest-file-open", {"path": "x"}, timeout=0.5)
    pretended.wait_for("guest-file-open")
    with pytest.raises(TimeoutError):
        executing.result(PATIENCE)
    pretended.say(b'{"return": {"buf-b64": "QUJ')
    agent.call("ping")
    assert agent.call("execute", "guest-ping") == {}


def test_after_closing(agent: Agent) -> None:
    agent.call("close")
    with pytest.raises(ConnectionClosed, match="was closed"):
        agent.call("ping")


def test_a_socket_is_good_for_one_connection(face: Face, pretended: FakeAgent) -> None:
    sock = socket.socket(socket.AF_UNIX)
    sock.connect(str(pretended.path))
    pretended.answers["guest-ping"] = once({}, Gone())
    with face.agent(sock, timeout=PATIENCE) as agent:
        agent.call("ping")
        with pytest.raises(CommandInterrupted):
            agent.call("ping")
        with pytest.raises(ConnectionClosed, match="a socket can't be connected again"):
            agent.call("ping")


# Programs


def exec_of(*statuses: Any) -> dict[str, Any]:
    given = iter(statuses)
    return {"guest-exec": {"pid": 17}, "guest-exec-status": lambda pid: next(given)}


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def test_a_program(agent: Agent, pretended: FakeAgent) -> None:
    asked: dict[str, Any] = {}

    def begin(**arguments: Any) -> Any:
        asked.update(arguments)
        return {"pid": 17}

    running = {"exited": False}
    done = {"exited": True, "exitcode": 3, "out-data": b64(b"out"), "err-data": b64(b"err")}
    pretended.answers.update(exec_of(running, running, {**done, "out-truncated": True}))
    pretended.answers["guest-exec"] = begin
    executed = agent.call(
        "run", ["/bin/x", "a b", "c"], env={"A": "1", "B": "x=y"}, input=b"\x00\xff"
    )
    assert executed == Executed(3, None, b"out", b"err", True)
    assert asked == {
        "path": "/bin/x",
        "arg": ["a b", "c"],
        "env": ["A=1", "B=x=y"],
        "input_data": b64(b"\x00\xff"),
        "capture_output": True,
    }


def test_a_program_that_a_signal_ends(agent: Agent, pretended: FakeAgent) -> None:
    pretended.answers.update(exec_of({"exited": True, "signal": 9}))
    assert agent.call("run", ["x"]) == Executed(None, 9, b"", b"", False)


@pytest.mark.parametrize("code", [0, 255, 256, -1, -1073741510, 3221225786, None])
def test_a_programs_exit_code_is_what_the_agent_says(
    agent: Agent, pretended: FakeAgent, code: int | None
) -> None:
    pretended.answers.update(exec_of({"exited": True, "exitcode": code, "signal": 0}))
    assert agent.call("run", ["x"]) == Executed(code, None, b"", b"", False)


def test_a_signal_counts_more_than_a_code(agent: Agent, pretended: FakeAgent) -> None:
    pretended.answers.update(exec_of({"exited": True, "exitcode": 0, "signal": 9}))
    assert agent.call("run", ["x"]) == Executed(None, 9, b"", b"", False)


@pytest.mark.parametrize("text", ["###", "YQ", "YQ=", "Y", "=", "YQ==YQ==", "Ä", "YWJj\x00"])
def test_output_in_base64_that_is_broken(agent: Agent, pretended: FakeAgent, text: str) -> None:
    for member in ("out-data", "err-data"):
        pretended.answers.update(exec_of({"exited": True, "exitcode": 0, member: text}))
        with pytest.raises(AnswerError, match="expected base64") as caught:
            agent.call("run", ["x"])
        assert caught.value.found == {"exited": True, "exitcode": 0, member: text}


def test_output_in_base64_that_stands_in_lines(agent: Agent, pretended: FakeAgent) -> None:
    text = "YWFh\r\nYWFh\n YWFh\t"
    pretended.answers.update(exec_of({"exited": True, "exitcode": 0, "out-data": text}))
    assert agent.call("run", ["x"]).stdout == b"a" * 9


def test_members_that_are_null(agent: Agent, pretended: FakeAgent) -> None:
    """They count as missing."""
    nothing = dict.fromkeys(("exitcode", "signal", "out-data", "err-data", "out-truncated"))
    pretended.answers.update(exec_of({"exited": True, **nothing}))
    assert agent.call("run", ["x"]) == Executed(None, None, b"", b"", False)
    pretended.answers["guest-info"] = {"version": None, "supported_commands": None}
    assert agent.call("info").commands == {}


def test_a_program_that_does_not_end(agent: Agent, pretended: FakeAgent) -> None:
    pretended.answers.update(exec_of(*[{"exited": False}] * 1000))
    with pytest.raises(TimeoutError, match=r"sleep hasn't ended in 0\.5 s") as caught:
        agent.call("run", ["sleep", "100"], timeout=0.5)
    assert caught.value.__notes__ == ["sleep may still run in the guest, its pid is 17"]


def test_an_agent_that_stops_while_a_program_runs(
    agent: Agent, pretended: FakeAgent, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A running agent answers at once, even if the program takes long."""
    monkeypatch.setattr("qmpeer.limits.AGENT_PRESENCE", 0.1)
    pretended.answers.update(exec_of({"exited": False}, None))
    with pytest.raises(TimeoutError, match=r"the guest agent hasn't answered in 0\.1 s"):
        agent.call("run", ["x"], timeout=None)


def test_a_program_is_not_asked_after_too_often(agent: Agent, pretended: FakeAgent) -> None:
    pretended.answers.update(exec_of(*[{"exited": False}] * 1000))
    with pytest.raises(TimeoutError):
        agent.call("run", ["sleep"], timeout=0.5)
    assert pretended.seen.count("guest-exec-status") <= 10


def test_the_agent_is_restarted_while_a_program_runs(agent: Agent, pretended: FakeAgent) -> None:
    pretended.answers.update(exec_of({"exited": False}, Gone()))
    with pytest.raises(CommandInterrupted) as caught:
        agent.call("run", ["x"])
    assert caught.value.__notes__ == ["x may still run in the guest, its pid is 17"]
    agent.call("ping")


# Files


class GuestFile:
    """A file behind the agent's commands."""

    def __init__(self, pretended: FakeAgent, data: bytes = b"") -> None:
        self.data = bytearray(data)
        self.position = 0
        self.most_written = 1 << 30
        self.opened: list[tuple[str, str]] = []
        self.open = 0
        pretended.answers.update(
            {
                "guest-file-open": self.do_open,
                "guest-file-read": self.read,
                "guest-file-write": self.write,
                "guest-file-flush": {},
                "guest-file-close": self.close,
            }
        )

    def do_open(self, path: str, mode: str) -> int:
        self.opened.append((path, mode))
        self.open += 1
        return 1000

    def read(self, handle: int, count: int) -> Any:
        part = bytes(self.data[self.position : self.position + count])
        self.position += len(part)
        eof = self.position == len(self.data) and len(part) < count
        return {"count": len(part), "buf-b64": b64(part), "eof": eof}

    def write(self, handle: int, buf_b64: str) -> Any:
        data = base64.b64decode(buf_b64)[: self.most_written]
        self.data += data
        return {"count": len(data), "eof": False}

    def close(self, handle: int) -> Any:
        self.open -= 1
        return {}


@pytest.mark.parametrize("size", [0, 1, 48 * 1024, 200_000])
def test_reading_a_file(agent: Agent, pretended: FakeAgent, size: int) -> None:
    data = bytes(range(256)) * (size // 256 + 1)
    file = GuestFile(pretended, data[:size])
    assert agent.call("read_file", "/x") == data[:size]
    assert file.opened == [("/x", "rb")]
    assert file.open == 0
    file.position = 0
    sink = io.BytesIO()
    assert agent.call("get_file", "/x", sink) == size
    assert sink.getvalue() == data[:size]


def test_a_file_that_is_too_large(agent: Agent, pretended: FakeAgent) -> None:
    file = GuestFile(pretended, b"x" * 200_000)
    with pytest.raises(LimitError, match="/x is larger than 100000 bytes"):
        agent.call("read_file", "/x", limit=100_000)
    assert file.open == 0


@pytest.mark.parametrize("most_written", [1 << 30, 1000], ids=["at once", "in parts"])
def test_writing_a_file(agent: Agent, pretended: FakeAgent, most_written: int) -> None:
    file = GuestFile(pretended)
    file.most_written = most_written
    data = bytes(range(256)) * 400
    agent.call("write_file", "/x", data)
    assert bytes(file.data) == data
    agent.call("write_file", "/x", b"more", append=True)
    assert bytes(file.data) == data + b"more"
    assert file.opened == [("/x", "wb"), ("/x", "ab")]
    assert file.open == 0
    assert agent.call("put_file", io.BytesIO(data), "/y") == len(data)


@pytest.mark.parametrize("command", ["guest-file-write", "guest-file-flush"])
def test_a_disk_that_is_full(agent: Agent, pretended: FakeAgent, command: str) -> None:
    file = GuestFile(pretended)
    pretended.answers[command] = CommandError("GenericError", "No space left on device")
    with pytest.raises(CommandError, match="No space left"):
        agent.call("write_file", "/x", b"data")
    assert file.open == 0


def test_a_file_that_cannot_be_closed(agent: Agent, pretended: FakeAgent) -> None:
    GuestFile(pretended)
    failure = CommandError("GenericError", "no")
    pretended.answers.update({"guest-file-write": failure, "guest-file-close": failure})
    with pytest.raises(CommandError) as caught:
        agent.call("write_file", "/x", b"data")
    assert caught.value.__notes__ == ["the file stays open in the guest: GenericError: no"]


def test_the_agent_is_restarted_while_a_file_is_written(agent: Agent, pretended: FakeAgent) -> None:
    file = GuestFile(pretended)
    pretended.answers["guest-file-write"] = Gone()
    with pytest.raises(CommandInterrupted, match="guest-file-write was cut off"):
        agent.call("write_file", "/x", b"data")
    pretended.answers["guest-file-write"] = file.write
    agent.call("write_file", "/x", b"data")
    assert file.data == b"data"


def test_the_deadline_is_that_of_the_whole_file(
    agent: Agent, pretended: FakeAgent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("qmpeer.limits.AGENT_LAST", PATIENCE)
    file = GuestFile(pretended)
    file.most_written = 0  # for ever
    with pytest.raises(TimeoutError):
        agent.call("write_file", "/x", b"data", timeout=0.1)
    assert file.open == 0


# Unusable answers


ODD: list[Any] = [None, True, 0, -1, 1.5, "", "x", "7", [], [None], [[]], {}, {"x": 1}, 2**63]
OPEN = {"guest-file-open": 3, "guest-file-close": {}, "guest-file-flush": {}}
READ = {**OPEN, "guest-file-read": {"count": 1, "buf-b64": "YQ==", "eof": True}}
WRITE = {**OPEN, "guest-file-write": {"count": 3, "eof": False}}
EXEC = {"guest-exec": {"pid": 7}, "guest-exec-status": {"exited": True, "exitcode": 0}}
COMMANDS = [{"name": "a", "enabled": True, "success-response": True}]
INFO = {"guest-info": {"version": "1", "supported_commands": COMMANDS}}
FREEZE = {"guest-fsfreeze-freeze": 1, "guest-fsfreeze-thaw": 1}
STATUS = {"guest-fsfreeze-status": "thawed"}
ASKING: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
    ("info", (), INFO),
    ("run", (["x"],), EXEC),
    ("read_file", ("/x",), READ),
    ("write_file", ("/x", b"abc"), WRITE),
    ("freeze", (), FREEZE),
    ("thaw", (), FREEZE),
    ("freeze_status", (), STATUS),
]


def changed(value: Any, odd: Any) -> Iterator[Any]:
    """Yield copies of a value in which one part is replaced, first the value itself."""
    yield odd
    keys = value if isinstance(value, dict) else range(len(value) if isinstance(value, list) else 0)
    for key in keys:
        for part in changed(value[key], odd):
            copy: Any = dict(value) if isinstance(value, dict) else list(value)
            copy[key] = part
            yield copy


@pytest.mark.parametrize(("method", "args", "answers"), ASKING, ids=[each[0] for each in ASKING])
def test_whatever_an_agent_answers(
    agent: Agent, pretended: FakeAgent, method: str, args: tuple[Any, ...], answers: Any
) -> None:
    """The result is one of our errors that quotes the answer, or an outcome."""
    found = []
    for command, good in answers.items():
        for bad in (bad for odd in ODD for bad in changed(good, odd) if bad != good):
            pretended.answers = {**answers, command: NULL if bad is None else bad}
            if isinstance(bad, dict) and (bad.get("exited") is False or bad.get("count") == 0):
                continue  # this would never end
            with contextlib.suppress(AnswerError):
                agent.call(method, *args)
                continue
            found.append(bad)
    assert len(found) >= len(ODD) - 3  # the changed answer may be valid by chance
    pretended.answers = answers
    agent.call(method, *args)


@pytest.mark.parametrize("count", [-1, 4])
def test_a_write_of_more_than_was_given(agent: Agent, pretended: FakeAgent, count: int) -> None:
    pretended.answers = {**WRITE, "guest-file-write": {"count": count}}
    with pytest.raises(AnswerError, match="expected a count up to 3"):
        agent.call("write_file", "/x", b"abc")
    assert pretended.seen[-1] == "guest-file-close"


def test_a_file_without_an_end(agent: Agent, pretended: FakeAgent) -> None:
    """A file that returns no data isn't read in a busy loop."""
    pretended.answers = {**READ, "guest-file-read": {"count": 0, "buf-b64": "", "eof": False}}
    with pytest.raises(TimeoutError):
        agent.call("read_file", "/x", timeout=0.6)
    assert pretended.seen.count("guest-file-read") <= 6
    pretended.wait_for("guest-file-close")


def test_a_program_whose_end_cannot_be_read(agent: Agent, pretended: FakeAgent) -> None:
    pretended.answers.update(exec_of([]))
    with pytest.raises(AnswerError) as caught:
        agent.call("run", ["x"])
    assert str(caught.value) == (
        "the answer to guest-exec-status is unusable: found [], expected an object with "
        "exited, a boolean"
    )
    assert caught.value.__notes__ == ["x may still run in the guest, its pid is 17"]


# File systems


class FileSystems:
    """The file systems behind the agent's commands."""

    def __init__(self, pretended: FakeAgent) -> None:
        self.is_frozen = False
        self.mountpoints: list[str] | None = None
        pretended.answers.update(
            {
                "guest-fsfreeze-freeze": self.freeze,
                "guest-fsfreeze-freeze-list": self.freeze,
                "guest-fsfreeze-thaw": self.thaw,
                "guest-fsfreeze-status": lambda: "frozen" if self.is_frozen else "thawed",
            }
        )

    def freeze(self, mountpoints: list[str] | None = None) -> int:
        self.is_frozen, self.mountpoints = True, mountpoints
        return 2

    def thaw(self) -> int:
        self.is_frozen = False
        return 2


def test_freezing(agent: Agent, pretended: FakeAgent) -> None:
    systems = FileSystems(pretended)
    assert agent.call("freeze_status") == "thawed"
    assert agent.call("freeze", ["/", "/home"]) == 2
    assert systems.mountpoints == ["/", "/home"]
    assert agent.call("freeze_status") == "frozen"
    assert agent.call("thaw") == 2
    assert agent.call("freeze") == 2
    assert systems.mountpoints is None


def test_a_block_in_which_they_are_frozen(agent: Agent, pretended: FakeAgent) -> None:
    systems = FileSystems(pretended)
    assert agent.while_frozen(lambda: systems.is_frozen).result(PATIENCE) is True
    assert not systems.is_frozen


def test_they_are_thawed_whatever_happens(agent: Agent, pretended: FakeAgent) -> None:
    systems = FileSystems(pretended)

    def fail() -> None:
        assert systems.is_frozen
        raise RuntimeError("of the caller's own")

    with pytest.raises(RuntimeError, match="of the caller's own"):
        agent.while_frozen(fail).result(PATIENCE)
    assert not systems.is_frozen


@pytest.mark.parametrize("trouble", ["gone", "silent"])
def test_thawing_is_tried_again(
    agent: Agent, pretended: FakeAgent, trouble: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("qmpeer.limits.AGENT_PRESENCE", 0.05)
    systems = FileSystems(pretended)
    troubles = iter([Gone(), Gone()] if trouble == "gone" else [None, None])

    def thaw() -> Any:
        for each in troubles:
            return each
        return systems.thaw()

    pretended.answers["guest-fsfreeze-thaw"] = thaw
    agent.while_frozen(lambda: None).result(PATIENCE)
    assert not systems.is_frozen
    assert pretended.seen.count("guest-fsfreeze-thaw") >= 3


def test_thawing_that_is_refused_says_so(agent: Agent, pretended: FakeAgent) -> None:
    FileSystems(pretended)
    pretended.answers["guest-fsfreeze-thaw"] = CommandError("GenericError", "failed to thaw")
    with pytest.raises(CommandError, match="failed to thaw"):
        agent.while_frozen(lambda: None).result(PATIENCE)


@pytest.mark.parametrize("trouble", [None, Gone()], ids=["silent", "gone"])
def test_who_does_not_know_whether_they_are_frozen_thaws(
    agent: Agent, pretended: FakeAgent, trouble: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("qmpeer.limits.AGENT_LAST", PATIENCE)
    systems = FileSystems(pretended)

    def freeze(**_: Any) -> Any:
        systems.is_frozen = True
        return trouble

    pretended.answers["guest-fsfreeze-freeze"] = freeze
    with pytest.raises((TimeoutError, CommandInterrupted)) as caught:
        agent.while_frozen(lambda: None, timeout=0.1).result(PATIENCE)
    assert not systems.is_frozen
    assert not getattr(caught.value, "__notes__", [])


@pytest.mark.parametrize("answer", [NULL, {}, "2", -1, True, [1]])
def test_an_answer_that_does_not_say_whether_they_are_frozen(
    agent: Agent, pretended: FakeAgent, answer: Any
) -> None:
    systems = FileSystems(pretended)

    def freeze(**_: Any) -> Any:
        systems.is_frozen = True
        return answer

    pretended.answers["guest-fsfreeze-freeze"] = freeze
    entered = []
    with pytest.raises(AnswerError, match="expected a number of file systems") as caught:
        agent.while_frozen(lambda: entered.append(1)).result(PATIENCE)
    assert (systems.is_frozen, entered) == (False, [])
    assert not getattr(caught.value, "__notes__", [])


@pytest.mark.parametrize("is_silent", [False, True], ids=["thaw", "all"])
def test_an_agent_that_is_silent_does_not_stretch_the_deadline(
    agent: Agent, pretended: FakeAgent, is_silent: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thaw is sent all the same: an agent that is only slow executes it later."""
    monkeypatch.setattr("qmpeer.limits.AGENT_THAW", 100 * PATIENCE)
    monkeypatch.setattr("qmpeer.limits.AGENT_PRESENCE", 100 * PATIENCE)

    def freeze() -> Any:
        if is_silent:
            pretended.answers.update({"guest-sync-delimited": None, "guest-sync": None})

    pretended.answers.update({"guest-fsfreeze-freeze": freeze, "guest-fsfreeze-thaw": None})
    with pytest.raises(TimeoutError) as caught:
        agent.while_frozen(lambda: None, timeout=0.1).result(PATIENCE)
    (note,) = caught.value.__notes__
    assert note.startswith("file systems may be frozen, thawing them failed: ")
    pretended.wait_for("guest-fsfreeze-thaw")


def test_freezing_that_is_refused(agent: Agent, pretended: FakeAgent) -> None:
    FileSystems(pretended)
    pretended.answers["guest-fsfreeze-freeze"] = CommandError("GenericError", "no")
    with pytest.raises(CommandError):
        agent.call("freeze")
    assert "guest-fsfreeze-thaw" not in pretended.seen


# Power


@pytest.mark.parametrize("echoes_ids", [True, False], ids=["ids", "no ids"])
@pytest.mark.parametrize(
    ("method", "mode", "command"),
    [
        ("shutdown", "reboot", "guest-shutdown"),
        ("suspend", "ram", "guest-suspend-ram"),
        ("suspend", "hybrid", "guest-suspend-hybrid"),
    ],
)
def test_what_succeeds_in_silence(
    agent: Agent,
    pretended: FakeAgent,
    method: str,
    mode: str,
    command: str,
    echoes_ids: bool,
) -> None:
    pretended.echoes_ids = echoes_ids
    pretended.answers[command] = None
    agent.call(method, mode)
    assert command in pretended.seen
    agent.call("ping")
    pretended.answers[command] = CommandError("GenericError", "not today")
    with pytest.raises(CommandError, match="not today"):
        agent.call(method, mode)
    agent.call("ping")


def test_a_guest_that_goes_down_at_once(agent: Agent, pretended: FakeAgent) -> None:
    pretended.answers["guest-shutdown"] = Gone()
    agent.call("shutdown")


def test_a_guest_that_sleeps(agent: Agent, pretended: FakeAgent) -> None:
    pretended.answers.update({"guest-suspend-ram": None, "guest-ping": None})
    with pytest.raises(TimeoutError):
        agent.call("suspend", timeout=0.1)


# Through a machine


def test_the_machine_tells_where_the_agent_is(face: Face, pretended: FakeAgent) -> None:
    with connected(face) as (vm, server):
        finding = vm.start("guest_agent", timeout=PATIENCE)
        filename = f"disconnected:unix:{pretended.path},server=on"
        chardevs = [{"label": "console"}, {"label": "port", "filename": filename}]
        children = [{"name": "a", "type": "child<e1000>"}]
        port = [{"name": "b", "type": "child<virtserialport>"}]
        for expected, answer in (
            ("qom-list", children),
            ("qom-list", port),
            ("qom-get", "org.qemu.guest_agent.0"),
            ("qom-get", "port"),
            ("query-chardev", chardevs),
        ):
            command = server.command()
            assert command["execute"] == expected
            server.reply(command, answer)
        agent = finding.result(PATIENCE)
        assert "GuestAgent" in repr(agent)
        vm.start_on(agent, "close").result(PATIENCE)
    assert "guest-sync-delimited" in pretended.seen


@pytest.mark.parametrize(
    ("answers", "error"),
    [
        ([7, 7], ValueError),
        ([[None], {}], ValueError),
        ([[{}], [{"type": 1}]], ValueError),
        ([[{"type": "child<virtserialport>"}], [], []], ValueError),
        ([[{"type": "child<virtserialport>"}], "org.qemu.guest_agent.0", 1, {}], AnswerError),
        ([[{"type": "child<virtserialport>"}], "org.qemu.guest_agent.0", [], [{}]], ValueError),
    ],
    ids=["number", "null", "no names", "no port", "no chardevs", "another chardev"],
)
def test_a_machine_that_tells_something_else(
    face: Face, answers: list[Any], error: type[Exception]
) -> None:
    with connected(face) as (vm, server):
        finding = vm.start("guest_agent", timeout=PATIENCE)
        for answer in answers:
            server.reply(server.command(), answer)
        with pytest.raises(error):
            finding.result(PATIENCE)
