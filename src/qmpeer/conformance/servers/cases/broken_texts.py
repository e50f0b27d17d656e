"""Cases about bytes that aren't JSON, recovery from them, and the limits of a value: R9 to R12."""

from typing import Final

from qmpeer.conformance.results import Level
from qmpeer.conformance.servers.answers import answer_of, error_of, listed, refuses, returns
from qmpeer.conformance.servers.table import BOTH, Table
from qmpeer.conformance.servers.trial import Trial, check
from qmpeer.conformance.servers.verdicts import Mismatch

CASES: Final = Table(BOTH)
MUST, SHOULD, AS_QEMU = Level
_GOOD: Final = b'{"execute": "PING", "id": 1}\n'
_BROKEN: Final = b'{"execute": "PING", "id": 1 2}\n'


@CASES.case("garbage-is-answered", "R9", MUST, "text that isn't JSON is answered with an error")
def _(trial: Trial) -> None:
    found = [answer_of(each) for each in trial.ready().ask(trial.filled(_BROKEN))]
    minds_ids = trial.facts.minds_ids
    is_refused = bool(found) and all(refuses().fits(each, minds_ids=minds_ids) for each in found)
    check(is_refused, "an error without an id", listed(found))


@CASES.case("connection-survives", "R9", MUST, "after garbage the connection goes on")
def _(trial: Trial) -> None:
    connection = trial.ready()
    connection.ask(b"garbage\n")
    trial.exchange(connection, _GOOD, returns(1))


CASES.exchange("one-error-for-a-text", "R9", SHOULD, "a broken text is answered once",
               _BROKEN, refuses())  # fmt: skip
CASES.exchange("class-of-a-parse-error", "R9", SHOULD, "its class is GenericError",
               _BROKEN, refuses(error_class="GenericError"))  # fmt: skip


@CASES.case("text-of-a-parse-error", "R9", AS_QEMU, "its text begins with 'JSON parse error, '")
def _(trial: Trial) -> None:
    replies = trial.exchange(trial.ready(), _BROKEN, refuses())
    desc = error_of(replies[0]).get("desc")
    is_right = isinstance(desc, str) and desc.startswith("JSON parse error, ")
    check(is_right, "a desc that begins with 'JSON parse error, '", desc)


CASES.exchange("broken-keyword", "R9", AS_QEMU, "an unknown word is one error",
               b"hello\n" + _GOOD, refuses(), returns(1))  # fmt: skip
CASES.exchange("http-request", "R9", AS_QEMU, "the parts of an HTTP request are four errors",
               b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" + _GOOD,
               refuses(), refuses(), refuses(), refuses(), returns(1))  # fmt: skip
CASES.exchange("recovery-at-a-newline", "R10", AS_QEMU, "after a bad token, a newline starts anew",
               b'{"execute": "PING", "id": "abc\n' + _GOOD, refuses(), returns(1))  # fmt: skip
CASES.exchange("recovery-at-a-brace", "R10", AS_QEMU, "after a bad token, a brace starts anew",
               b"@ @ @" + _GOOD, refuses(), returns(1))  # fmt: skip
CASES.exchange("recovery-within-a-line", "R10", AS_QEMU, "garbage and commands may share a line",
               b'{"execute": "PING", "id": 1}, {"execute": "PING", "id": 2}\n',
               returns(1), refuses(), returns(2))  # fmt: skip
CASES.exchange("unfinished-value", "R11", AS_QEMU, "what follows an unfinished value is part of it",
               b'{"execute": "PING", "id": 0,\n' + _GOOD + b"\x01" + _GOOD,
               refuses(), returns(1))  # fmt: skip


def _resets(name: str, level: Level, title: str, byte: bytes) -> None:
    """Add a case of a byte that resets the parser: what was unfinished is gone."""

    @CASES.case(name, "R11", level, title)
    def _(trial: Trial) -> None:
        sent = b'{"execute": "PING", "id": {"a": [' + byte + _GOOD
        found = [answer_of(each) for each in trial.ready().ask(trial.filled(sent), 2)]
        is_right = bool(found) and returns(1).fits(found[-1], minds_ids=trial.facts.minds_ids)
        check(is_right, "errors, then a return with the id 1", listed(found))


_resets("ff-resets", MUST, "a byte FF in front of a command resets the parser", b"\xff")
_resets("control-byte-resets", MUST, "so does a control byte", b"\x01")
CASES.exchange("ff-is-one-error", "R11", AS_QEMU, "each byte FF is answered with one error",
               b"\xff" + _GOOD + b"\xff\xff" + _GOOD,
               refuses(), returns(1), refuses(), refuses(), returns(1))  # fmt: skip
CASES.exchange("nul-byte", "R11", AS_QEMU, "a NUL byte is one error",
               b"\0" + _GOOD, refuses(), returns(1))  # fmt: skip


def _nested(levels: int) -> bytes:
    """Return a command whose id brings it to so many levels of nesting."""
    inner = levels - 1
    return b'{"execute": "PING", "id": ' + b"[" * inner + b"]" * inner + b"}\n"


@CASES.case("nesting-of-1024", "R12", AS_QEMU, "a value may have 1,024 levels of nesting")
def _(trial: Trial) -> None:
    connection = trial.ready()
    connection.send(b"[" * 1024 + b"]" * 1024)
    trial.exchange(connection, b"\n", refuses())


@CASES.case("nesting-of-1025", "R12", AS_QEMU, "one more level is an error that names the limit")
def _(trial: Trial) -> None:
    replies = trial.exchange(trial.ready(), b"[" * 1025 + b"\n", refuses())
    desc = error_of(replies[0]).get("desc")
    check(isinstance(desc, str) and "nesting" in desc, "a desc that names the nesting", desc)


@CASES.case("deep-nesting", "R12", SHOULD, "5,000 opening brackets don't harm the server")
def _(trial: Trial) -> None:
    connection = trial.ready()
    connection.send(b"[" * 5_000 + b"\xff\n")
    try:
        connection.rest()
    except Mismatch:
        if not connection.is_closed:
            raise
    connection.close()
    trial.exchange(trial.ready(), _GOOD, returns(1))


@CASES.case("large-command", "R12", SHOULD, "a command may have 32 KiB")
def _(trial: Trial) -> None:
    data = b'{"execute": "PING", "id": "' + b"a" * 32_768 + b'"}\n'
    trial.exchange(trial.ready(), data, returns("a" * 32_768))
