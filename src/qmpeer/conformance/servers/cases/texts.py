"""Cases about bytes and JSON: R1 to R8."""

import json
import re
from typing import Any, Final

from qmpeer.conformance.results import Level
from qmpeer.conformance.servers.answers import refuses, returns, same
from qmpeer.conformance.servers.connection import Connection
from qmpeer.conformance.servers.table import AGENTS, BOTH, SERVERS, Table
from qmpeer.conformance.servers.trial import Trial, check, line
from qmpeer.values import JsonValue

CASES: Final = Table(BOTH)
MUST, SHOULD, AS_QEMU = Level
_LOOSE: Final = re.compile(rb'"(?:[^"\\]|\\.)*"|[:,](?! )')
"""A string; or a colon or comma without the blank that QEMU writes behind it."""


def _output(trial: Trial) -> bytes:
    """Return all that a server writes to a client that negotiates and makes a mistake."""
    connection = trial.connect()
    if trial.facts.greets:
        connection.receive()
    if trial.facts.suite == "server":
        connection.send(line("qmp_capabilities"))
        connection.reply()
    connection.ask(line(trial.facts.ping, id={"a": [1, "b"]}) + line("no-such-command"), 2)
    return connection.received.data


@CASES.case("lines-end-with-crlf", "R1", MUST, "each message ends with CR LF", suites=SERVERS)
def _(trial: Trial) -> None:
    output = _output(trial)
    ends = [each[-12:] for each in output.splitlines(keepends=True)]
    wrong = [repr(end)[1:] for end in ends if not end.endswith(b"\r\n")]
    check(not wrong, "CR LF at the end of each line", f"a line that ends with {wrong[:1]}")


@CASES.case("lines-end-with-lf", "R52", SHOULD, "each message ends with LF", suites=AGENTS)
def _(trial: Trial) -> None:
    output = _output(trial)
    check(output.endswith(b"\n"), "LF at the end", repr(output[-12:]))


@CASES.case("output-is-ascii", "R1", MUST, "what isn't ASCII is written with escapes")
def _(trial: Trial) -> None:
    output = _output(trial)
    connection = trial.ready()
    connection.ask(line(trial.facts.ping, id="x") + '{"execute": "é☃𝄞", "id": "é☃𝄞"}\n'.encode(), 2)
    output += connection.received.data
    check(output.isascii(), "ASCII only", repr(output[-100:]))


@CASES.case("one-line-each", "R1", SHOULD, "each message is one line")
def _(trial: Trial) -> None:
    for each in _output(trial).splitlines():
        try:
            json.loads(each.replace(b"\xff", b""))
        except ValueError:
            check(False, "one whole message on each line", repr(each[:60]))


@CASES.case("separators", "R1", AS_QEMU, 'a blank follows each comma and colon, as in {"a": 1}')
def _(trial: Trial) -> None:
    output = _output(trial)
    loose = [found[0] for found in _LOOSE.finditer(output) if not found[0].startswith(b'"')]
    check(not loose, "the separators ', ' and ': '", f"{len(loose)} without a blank")


def _exchange(name: str, rule: str, level: Level, title: str, sent: bytes, *ids: JsonValue) -> None:
    CASES.exchange(name, rule, level, title, sent, *map(returns, ids))


@CASES.case("no-newline", "R3", SHOULD, "a command needs no newline behind it")
def _(trial: Trial) -> None:
    connection = trial.ready()
    connection.send(line(trial.facts.ping, id=1).rstrip())
    trial.compare(connection.replies(1), returns(1))


_exchange("nothing-in-between", "R3", SHOULD, "commands may follow each other without a gap",
          b'{"execute": "PING", "id": 1}{"execute": "PING", "id": 2}\n', 1, 2)  # fmt: skip
_exchange("white-space", "R3", MUST, "blanks, tabs and line ends may stand between all tokens",
          b' \t\r\n{ "execute"\n:\r\n\t"PING" ,\n"id" : 1\r\n}\n\n', 1)  # fmt: skip
_exchange("lines-of-lf", "R3", MUST, "a line may end with LF alone",
          b'{"execute": "PING", "id": 1}\n{"execute": "PING", "id": 2}\n', 1, 2)  # fmt: skip
_exchange("members-in-any-order", "R51", MUST, "a command's members may be in any order",
          b'{"id": 1, "execute": "PING"}\n', 1)  # fmt: skip


@CASES.case("byte-by-byte", "R4", MUST, "a command may arrive in single bytes")
def _(trial: Trial) -> None:
    connection = trial.ready()
    data = line(trial.facts.ping, id="one")
    connection.send_each(*(data[at : at + 1] for at in range(len(data))))
    trial.exchange(connection, b"", returns("one"))


@CASES.case("split-character", "R4", MUST, "a write may end within a character of UTF-8")
def _(trial: Trial) -> None:
    connection = trial.ready()
    first, second = trial.filled(
        '{"execute": "PING", "id": "snow ☃"}\n'.encode()
    ).split(b"\x98")  # fmt: skip
    connection.send_each(first, b"\x98" + second)
    trial.exchange(connection, b"", returns("snow ☃"))


@CASES.case("many-in-one-write", "R4", MUST, "many commands may arrive in one write")
def _(trial: Trial) -> None:
    data = b"".join(line(trial.facts.ping, id=number) for number in range(1, 31))
    trial.exchange(trial.ready(), data, *map(returns, range(1, 31)))


_exchange("single-quotes", "R5", AS_QEMU, "a string may stand in single quotes",
          b"{'execute': 'PING', 'id': 'a \"b\"'}\n", 'a "b"')  # fmt: skip
_exchange("escaped-single-quote", "R5", AS_QEMU, r"the escape \' is read in both kinds of quotes",
          b"{\"execute\": \"PING\", \"id\": [\"\\'\", '\\'']}\n", ["'", "'"])  # fmt: skip
_exchange("escapes", "R6", MUST, "all escapes of JSON are read",
          b'{"\\u0065xecute": "PING", "id": "\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9"}\n',
          '"\\/\b\f\n\r\té')  # fmt: skip
_exchange("surrogate-pair", "R6", MUST, "two surrogates escape one character",
          b'{"execute": "PING", "id": "\\ud834\\udd1e"}\n', "𝄞")  # fmt: skip
_exchange("utf-8", "R6", MUST, "strings are UTF-8",
          '{"execute": "PING", "id": "é☃𝄞"}\n'.encode(), "é☃𝄞")  # fmt: skip
_exchange("nul-character", "R6", AS_QEMU, "U+0000 is read, as an escape and as the bytes C0 80",
          b'{"execute": "PING", "id": ["\\u0000", "\xc0\x80"]}\n', ["\0", "\0"])  # fmt: skip


def _refused(name: str, rule: str, level: Level, title: str, *texts: bytes) -> None:
    """Add a case of texts that are refused, each with one error, where the next line is read."""
    for text in texts:
        assert text.endswith(b"\n")

    def run(trial: Trial) -> None:
        for text in texts:
            sent = text + b'{"execute": "PING", "id": 1}\n'
            trial.exchange(trial.ready(), sent, refuses(), returns(1))

    CASES.case(name, rule, level, title)(run)


_refused("lone-surrogate", "R6", AS_QEMU, "half of a surrogate pair is refused",
         b'{"execute": "PING", "id": "\\ud834"}\n')  # fmt: skip
_refused("noncharacter", "R6", AS_QEMU, "a noncharacter is refused",
         b'{"execute": "PING", "id": "\\ufffe"}\n',
         b'{"execute": "PING", "id": "\xef\xbf\xbf"}\n')  # fmt: skip
_refused("invalid-utf-8", "R6", SHOULD, "a string that isn't UTF-8 is refused",
         b'{"execute": "PING", "id": "caf\xe9"}\n')  # fmt: skip
_refused("trailing-comma", "R5", SHOULD, "a comma before a closing bracket is refused",
         b'{"execute": "PING",}\n', b'{"execute": "PING", "id": [1,]}\n')  # fmt: skip
_refused("capital-keyword", "R5", AS_QEMU, "a capital letter in a keyword is one error",
         b'{"execute": "PING", "id": True\n')  # fmt: skip
_refused("odd-numbers", "R7", AS_QEMU, "01, 1. and +1 are no numbers, each one error",
         b'{"execute": "PING", "id": 01\n', b'{"execute": "PING", "id": 1.\n',
         b'{"execute": "PING", "id": +1\n')  # fmt: skip


def _echoed(connection: Connection, trial: Trial, text: str) -> Any:
    """Return the id of the reply to a command whose id is a text of JSON."""
    replies = connection.ask(f'{{"execute": "{trial.facts.ping}", "id": {text}}}\n'.encode())
    check(len(replies) == 1 and isinstance(replies[0], dict), "one reply", f"{len(replies)}")
    return replies[0].get("id")


def _numbers(name: str, level: Level, title: str, *texts: str) -> None:
    """Add a case of numbers that come back as ids."""

    def run(trial: Trial) -> None:
        connection = trial.ready()
        for text in texts:
            found, number = _echoed(connection, trial, text), json.loads(text)
            is_same = found == number if isinstance(number, float) else same(found, number)
            is_same = is_same and not isinstance(found, bool)
            check(is_same, f"the id {text}", found if found is None else f"the id {found}")

    CASES.case(name, "R7", level, title)(run)


_numbers("integers", SHOULD, "64-bit integers keep their value",
         "0", "-1", "9007199254740993", "9223372036854775807", "-9223372036854775808")  # fmt: skip
_numbers("unsigned-integers", AS_QEMU, "integers up to 2^64 - 1 keep their value",
         "9223372036854775808", "18446744073709551615")  # fmt: skip
_numbers("doubles", SHOULD, "numbers with a fraction or an exponent are doubles",
         "0.5", "-1.25e2", "1E-3", "0.1")  # fmt: skip

_refused("duplicate-member", "R8", AS_QEMU, "two members of one name are refused",
         b'{"execute": "PING", "id": 1, "id": 2}\n')  # fmt: skip
_refused("nested-duplicate-member", "R8", AS_QEMU, "so are two in an object within",
         b'{"execute": "PING", "id": [{"a": 1, "\\u0061": 2}]}\n')  # fmt: skip
