"""Cases about commands: R21 to R26."""

import os
import socket
from array import array
from typing import Final

from qmpeer.conformance.results import Level
from qmpeer.conformance.servers.answers import refuses, returns
from qmpeer.conformance.servers.table import BOTH, SERVERS, Table
from qmpeer.conformance.servers.trial import Trial, line
from qmpeer.conformance.servers.verdicts import NotTried

CASES: Final = Table(BOTH)
MUST, SHOULD, AS_QEMU = Level

CASES.exchange("not-an-object", "R21", MUST, "a value that isn't an object is an error",
               b'["PING"]\n', refuses())  # fmt: skip
CASES.exchange("bare-values", "R21", AS_QEMU, "each such value is one error, after the next byte",
               b'42 "PING" null true\n', refuses(), refuses(), refuses(), refuses())  # fmt: skip
CASES.exchange("execute-missing", "R21", MUST, "an object without execute is an error",
               b'{"arguments": {}, "id": 1}\n', refuses(1))  # fmt: skip
CASES.exchange("execute-not-a-string", "R21", MUST, "execute has to be a string",
               b'{"execute": ["PING"], "id": 1}\n', refuses(1))  # fmt: skip
CASES.exchange("arguments-not-an-object", "R21", MUST, "arguments have to be an object",
               b'{"execute": "PING", "arguments": [], "id": 1}\n', refuses(1))  # fmt: skip
CASES.exchange("unknown-member", "R21", AS_QEMU, "any other member is refused",
               b'{"execute": "PING", "extra": 1, "id": 1}\n',
               refuses(1, "GenericError"))  # fmt: skip
CASES.exchange("member-with-a-capital", "R21", AS_QEMU, "so is Execute",
               b'{"Execute": "PING", "id": 1}\n', refuses(1, "GenericError"))  # fmt: skip
CASES.exchange("unknown-command", "R22", MUST, "a command that doesn't exist is CommandNotFound",
               line("no-such-command", id=1), refuses(1, "CommandNotFound"))  # fmt: skip
CASES.exchange("members-before-name", "R22", AS_QEMU, "members are checked before the name",
               b'{"execute": "no-such-command", "arguments": [], "id": 1}\n',
               refuses(1, "GenericError"))  # fmt: skip
CASES.exchange("name-before-arguments", "R22", AS_QEMU, "the name is checked before the arguments",
               line("no-such-command", {"a": 1}, id=1), refuses(1, "CommandNotFound"))  # fmt: skip
CASES.exchange("case-of-names", "R23", SHOULD, "names are case-sensitive",
               line("Query-Version", id=1) + line("GUEST-PING", id=2),
               refuses(1, "CommandNotFound"), refuses(2, "CommandNotFound"))  # fmt: skip
CASES.exchange("underscores-in-names", "R23", SHOULD, "_ isn't - in a name",
               line("query_version", id=1) + line("guest_ping", id=2),
               refuses(1, "CommandNotFound"), refuses(2, "CommandNotFound"))  # fmt: skip
CASES.exchange("empty-name", "R22", AS_QEMU, "an empty name is a command that doesn't exist",
               line("", id=1), refuses(1, "CommandNotFound"))  # fmt: skip
CASES.exchange("unexpected-argument", "R24", SHOULD, "an argument that isn't declared is refused",
               b'{"execute": "PING", "arguments": {"extra": 1}, "id": 1}\n',
               refuses(1, "GenericError"))  # fmt: skip
CASES.exchange("no-arguments", "R25", MUST, "arguments may be {} if none are declared",
               b'{"execute": "PING", "arguments": {}, "id": 1}\n', returns(1))  # fmt: skip
CASES.exchange("arguments-null", "R25", AS_QEMU, "arguments may not be null",
               b'{"execute": "PING", "arguments": null, "id": 1}\n',
               refuses(1, "GenericError"))  # fmt: skip


def _send_descriptor(trial: Trial, data: bytes) -> None:
    """Send a command with a descriptor, and compare the reply."""
    connection = trial.ready()
    if connection.socket.family != socket.AF_UNIX:
        raise NotTried("descriptors pass through unix sockets only")
    fd = os.open(os.devnull, os.O_RDONLY)
    try:
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array("i", [fd]))]
        data = trial.filled(data)
        connection.sent.add(data)
        connection.socket.sendmsg([data], rights)
    finally:
        os.close(fd)
    trial.compare(connection.replies(1), returns(1))
    trial.exchange(connection, b"")


@CASES.case("descriptor-that-nobody-takes", "R26", SHOULD,
            "a descriptor may come with a command that takes none")  # fmt: skip
def _(trial: Trial) -> None:
    _send_descriptor(trial, b'{"execute": "PING", "id": 1}\n')


@CASES.case("descriptor", "R26", SHOULD, "getfd takes the descriptor that came with it",
            suites=SERVERS, changes=True)  # fmt: skip
def _(trial: Trial) -> None:
    trial.needs("getfd", "closefd")
    _send_descriptor(trial, line("getfd", {"fdname": "qmpeer-conformance"}, id=1))
    data = line("closefd", {"fdname": "qmpeer-conformance"}, id=2)
    trial.exchange(trial.ready(), data, returns(2))
