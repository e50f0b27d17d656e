"""A client and a server on both sides of an engine, with a clock that only the test moves.

The client sends a command each second. The server answers a command when all of it has arrived.
What each side gets is a list of short texts: `stop?` is the command, `stop!` its reply, `STOP` the
event, `|` the end of a line.
"""

import json
import re

from qmpeer.faults import (
    Close,
    Discard,
    EndOutput,
    Engine,
    Happened,
    PauseReading,
    ResumeReading,
    Send,
    ToProcess,
    parse_fault,
)
from qmpeer.transcript.entries import Sender

GREETING = b'{"QMP": {"version": {}, "capabilities": []}}\r\n'
STOPPED = b'{"timestamp": {"seconds": 3, "microseconds": 0}, "event": "STOP"}\r\n'
BEGINNING = "0 <- hello|; 1 -> caps?|; 1 <- caps!|; "
SHORT = {"qmp_capabilities": "caps", "query-status": "status", "stop": "stop"}
COMMANDS = ("qmp_capabilities", "query-status", "stop")
VALUES = {"query-status": {"status": "running"}}


def command(name: str, id: int) -> bytes:
    return json.dumps({"execute": name, "id": id}).encode() + b"\n"


def reply(name: str, id: int) -> bytes:
    return json.dumps({"return": VALUES.get(name, {}), "id": id}).encode() + b"\r\n"


NAMES = {
    GREETING: "hello",
    STOPPED: "STOP",
    **{command(name, id): f"{SHORT[name]}?" for id, name in enumerate(COMMANDS)},
    **{reply(name, id): f"{SHORT[name]}!" for id, name in enumerate(COMMANDS)},
}
EVENT = re.compile(r'\{"timestamp": \{"seconds": \d+, "microseconds": \d+\}, "event": "(\w+)"')


class Talk:
    """A conversation through an engine.

    Attributes:
        log: What happened, each with its time: `1 -> stop?` is what the server gets.
        now: The time.
    """

    def __init__(
        self,
        *faults: str,
        seed: int = 0,
        connection: int = 1,
        epoch: float = 0,
        answers: bool = True,
    ) -> None:
        self.now = 0.0
        self.engine = Engine(
            [parse_fault(fault) for fault in faults],
            seed=seed,
            connection=connection,
            epoch=epoch,
        )
        self.log: list[tuple[float, str, bytes]] = []
        self.happened: list[str] = []
        self.closed_fds: list[int] = []
        self.fds: list[tuple[bytes, tuple[int, ...]]] = []
        self._answers = answers
        self._got = b""

    def run(self, seconds: float = 8) -> "Talk":
        """Greet, send all commands, then let time pass."""
        self.server(GREETING)
        for id, name in enumerate(COMMANDS):
            self.until(self.now + 1)
            self.client(command(name, id))
        self.until(self.now + seconds)
        return self

    def client(self, data: bytes, fds: tuple[int, ...] = ()) -> None:
        self.engine.receive_data(Sender.CLIENT, data, self.now, fds)
        self.drain()

    def server(self, data: bytes, fds: tuple[int, ...] = ()) -> None:
        self.engine.receive_data(Sender.SERVER, data, self.now, fds)
        self.drain()

    def eof(self, sender: Sender) -> None:
        self.engine.receive_eof(sender, self.now)
        self.drain()

    def until(self, end: float) -> None:
        """Let time pass, and do what is due meanwhile."""
        turns = 0
        while (due := self.engine.next_due) is not None and due <= end:
            self.now = max(self.now, due)
            self.drain()
            turns += 1
            assert turns < 100_000, "due without an end"
        self.now = end

    def drain(self) -> None:
        while (action := self.engine.next_action(self.now)) is not None:
            match action:
                case Send(sender, data, fds):
                    self._note(sender.value, data)
                    if fds:
                        self.fds.append((data, fds))
                    if sender is Sender.CLIENT and self._answers:
                        self._serve(data)
                case Happened(fault):
                    self.happened.append(str(fault))
                case Close(is_reset):
                    self._note("reset" if is_reset else "closed", b"")
                case EndOutput(sender):
                    self._note(f"{sender.value} end", b"")
                case PauseReading(sender):
                    self._note(f"{sender.name.lower()} unread", b"")
                case ResumeReading(sender):
                    self._note(f"{sender.name.lower()} read", b"")
                case Discard(fds):
                    self.closed_fds += fds
                case ToProcess(fault):
                    self._note(fault.word, b"")

    def _serve(self, data: bytes) -> None:
        """Answer whole commands, each on a line."""
        *lines, self._got = (self._got + data).split(b"\n")
        for line in lines:
            try:
                value = json.loads(line)
            except ValueError:
                continue
            name = value["execute"]
            before = STOPPED if name == "stop" else b""
            answer = before + reply(name, value["id"])
            self.engine.receive_data(Sender.SERVER, answer, self.now)

    def _note(self, mark: str, data: bytes) -> None:
        self.log.append((self.now, mark, data))

    def lines(self) -> str:
        """Return the log in short; ``...`` is the beginning, if it is as without faults."""
        lines = []
        for now, mark, data in self.log:
            for raw, name in NAMES.items():
                data = data.replace(raw.rstrip(), name.encode())
            text = re.sub(rb"(x|\x00| ){200,}", b"...", data).decode("latin-1")
            text = re.sub("[^\n{}]*[\x80-\xfe]{2,}[^\r\n{}]*", "GARBAGE", text)
            text = EVENT.sub(r"{\1", text)
            text = text.replace("\r\n", "|").replace("\n", "|")
            lines.append(f"{round(now, 3):g} {mark} {text}".strip())
        return "; ".join(lines).replace(BEGINNING, "... ")

    def got(self, sender: Sender) -> bytes:
        """Return all bytes of a side that arrived."""
        return b"".join(data for _, mark, data in self.log if mark == sender.value)
