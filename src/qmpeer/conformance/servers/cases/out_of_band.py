"""Cases about out-of-band execution, some of them behind a command that blocks: R40 to R43."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic, sleep
from typing import Final

from qmpeer import limits
from qmpeer.conformance.results import Level
from qmpeer.conformance.servers.answers import error_of, refuses, replies, returns
from qmpeer.conformance.servers.connection import Connection
from qmpeer.conformance.servers.table import Table
from qmpeer.conformance.servers.trial import Trial, check, line
from qmpeer.conformance.servers.verdicts import Mismatch, NotTried
from qmpeer.values import JsonObject

CASES: Final = Table()
MUST, SHOULD, AS_QEMU = Level
_SILENCE: Final = limits.CONFORMANCE_SILENCE
_KNOWN: Final = ("query-yank", "migrate-pause")
"""Commands of QEMU that allow it, and do no harm."""


def _command(trial: Trial) -> str:
    """Return a command that allows out-of-band execution, takes no arguments and changes nothing.

    Raises:
        NotTried: If none is known.
    """
    for name in _KNOWN:
        if name in trial.facts.commands:
            return name
    for name in trial.facts.commands:
        entity = trial.facts.declared(name)
        takes_none = trial.facts.declared(str(entity.get("arg-type"))).get("members") == []
        if name.startswith("query-") and entity.get("allow-oob") and takes_none:
            return name
    raise NotTried("no harmless command allows out-of-band execution")


CASES.exchange("oob-is-not-enabled", "R40", MUST, "without the capability, exec-oob is refused",
               line("query-version", verb="exec-oob", id=1), refuses(1))  # fmt: skip
CASES.exchange("oob-not-allowed", "R41", MUST, "a command that doesn't allow it is refused",
               line("query-version", verb="exec-oob", id=1), refuses(1), state="oob")  # fmt: skip
CASES.exchange("oob-unknown-command", "R41", MUST, "an unknown command is CommandNotFound",
               line("no-such-command", verb="exec-oob", id=1), refuses(1, "CommandNotFound"),
               state="oob")  # fmt: skip
CASES.exchange("oob-without-id", "R41", SHOULD, "an id isn't required",
               line("no-such-command", verb="exec-oob"), refuses(), state="oob")  # fmt: skip
CASES.exchange("execute-and-exec-oob", "R21", AS_QEMU, "execute and exec-oob exclude each other",
               b'{"execute": "query-version", "exec-oob": "query-version", "id": 1}\n',
               refuses(1, "GenericError"), state="oob")  # fmt: skip


@CASES.case("oob", "R40", MUST, "a command that allows it is executed out of band")
def _(trial: Trial) -> None:
    name = _command(trial)
    # migrate-pause may fail for a reason of its own; so an error is as good as a return.
    data = line(name, verb="exec-oob", id="oob")
    found = trial.exchange(trial.ready("oob"), data, replies("oob"))
    error_class = error_of(found[0]).get("class")
    check(error_class != "CommandNotFound", "a command that is found", error_class)


@CASES.case("in-band-with-oob", "R29", MUST, "with it, in-band commands keep their order")
def _(trial: Trial) -> None:
    data = b"".join(line("query-version", id=number) for number in range(1, 8))
    trial.exchange(trial.ready("oob"), data, *map(returns, range(1, 8)))


@contextmanager
def _blocked(trial: Trial, *capabilities: str) -> Iterator[tuple[Connection, "Blocker"]]:
    """Give a connection on which an in-band command blocks, and what releases it.

    Spec: QEMU opens blkdebug's configuration when it adds the node; a FIFO without a writer blocks.
    """
    trial.needs("blockdev-add", "blockdev-del")
    with tempfile.TemporaryDirectory(prefix="qp-") as folder:
        blocker = Blocker(Path(folder, "fifo"))
        connection = trial.ready(*capabilities)
        connection.send(blocker.command)
        blocker.wait_opened(trial.timeout, connection)
        try:
            yield connection, blocker
        finally:
            blocker.release()
            connection.close()
            with trial.ready() as other:
                other.ask(line("blockdev-del", {"node-name": blocker.node}, id=1))


class Blocker:
    """A command that blocks until it is released.

    Args:
        path: Where to make a FIFO that the server can open.

    Attributes:
        node: The name of its block node.
    """

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self._path = path
        self._fd = -1
        self.node: str = "qmpeer-conformance"

    @property
    def command(self) -> bytes:
        """The command as one line; its id is "blocks"."""
        image: JsonObject = {"driver": "null-co", "read-zeroes": True}
        node: JsonObject = {"driver": "blkdebug", "node-name": self.node, "config": str(self._path)}
        return line("blockdev-add", {**node, "image": image}, id="blocks")

    def wait_opened(self, timeout: float, connection: Connection) -> None:
        """Wait until the server has opened the FIFO.

        Raises:
            NotTried: If it doesn't.
        """
        # A writer can open a FIFO without waiting only while there is a reader. This end stays open
        # without writing, so that the command waits for more.
        until = monotonic() + timeout
        while self._fd < 0:
            with suppress(OSError):
                self._fd = os.open(self._path, os.O_WRONLY | os.O_NONBLOCK)
                return
            reply = connection.reply(0.005)
            if reply is not None or monotonic() > until:
                raise NotTried("no command is known that blocks this server")
            sleep(0.005)

    def release(self) -> None:
        """Let the command end: its configuration is empty."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def _overtaken(trial: Trial, waiting: int) -> list[str]:
    """Return the ids of replies that come while a command blocks: some wait, one is out of band."""
    with _blocked(trial, "oob") as (connection, blocker):
        data = b"".join(line("query-version", id=str(number)) for number in range(waiting))
        connection.send(data + line("no-such-command", verb="exec-oob", id="oob"))
        early = connection.reply(None if waiting < limits.IN_BAND_QUEUE else _SILENCE)
        blocker.release()
        ids = [] if early is None else [str(early.get("id"))]
        rest = [str(each.get("id")) for each in connection.replies(waiting + 2 - len(ids))]
        expected = sorted(["oob", "blocks", *map(str, range(waiting))])
        if sorted(ids + rest) != expected:
            raise Mismatch(f"{len(expected)} replies", f"the ids {', '.join(ids + rest)}")
        return ids


@CASES.case("oob-overtakes", "R40", MUST, "an out-of-band command overtakes one that blocks",
            changes=True)  # fmt: skip
def _(trial: Trial) -> None:
    name = _command(trial)
    with _blocked(trial, "oob") as (connection, blocker):
        connection.send(line("query-version", id="waits") + line(name, verb="exec-oob", id="oob"))
        early = connection.reply()
        blocker.release()
        late = connection.replies(2)
    ids = [str(each.get("id")) for each in [early or {}, *late]]
    check(ids == ["oob", "blocks", "waits"], "the ids oob, blocks, waits", ", ".join(ids))


@CASES.case("oob-errors-overtake", "R41", SHOULD, "so do its errors", changes=True)
def _(trial: Trial) -> None:
    check(_overtaken(trial, 1) == ["oob"], "the error before the in-band replies", "it came later")


@CASES.case("eight-in-flight", "R42", MUST, "with eight in-band commands in flight it still does",
            changes=True)  # fmt: skip
def _(trial: Trial) -> None:
    check(_overtaken(trial, 7) == ["oob"], "the error before the in-band replies", "it came later")


@CASES.case("nine-in-flight", "R42", AS_QEMU, "with nine in flight, the server doesn't read on",
            changes=True)  # fmt: skip
def _(trial: Trial) -> None:
    check(_overtaken(trial, 8) == [], "no reply while the first command blocks", "one")


@CASES.case("one-at-a-time", "R43", MUST, "without oob, a command waits for the one before",
            changes=True)  # fmt: skip
def _(trial: Trial) -> None:
    with _blocked(trial) as (connection, blocker):
        connection.send(line("query-version", id="waits"))
        trial.silent(connection, "no reply while the first command blocks")
        blocker.release()
        late = [str(each.get("id")) for each in connection.replies(2)]
        check(late == ["blocks", "waits"], "the ids blocks, waits", ", ".join(late))


@CASES.case("reply-to-nobody", "R32", SHOULD,
            "the reply of a client that has left doesn't go to the next", changes=True)  # fmt: skip
def _(trial: Trial) -> None:
    with _blocked(trial) as (connection, blocker):
        connection.close()
        other = trial.greeted()
        blocker.release()
        trial.exchange(other, line("qmp_capabilities", id=1), returns(1))
