"""Cases about replies: R27 to R34."""

from typing import Any, Final

from qmpeer.conformance.results import Level
from qmpeer.conformance.servers.answers import (
    Answer,
    answer_of,
    error_of,
    listed,
    refuses,
    replies,
    returns,
)
from qmpeer.conformance.servers.table import BOTH, SERVERS, Table
from qmpeer.conformance.servers.trial import Trial, check, line
from qmpeer.conformance.servers.verdicts import NotTried
from qmpeer.values import JsonValue

CASES: Final = Table(BOTH)
MUST, SHOULD, AS_QEMU = Level
_CLASSES: Final = (
    "GenericError",
    "CommandNotFound",
    "DeviceNotActive",
    "DeviceNotFound",
    "KVMMissingCap",
)


@CASES.case("one-reply-each", "R27", MUST, "every command gets one reply, and no more")
def _(trial: Trial) -> None:
    connection = trial.ready()
    trial.exchange(connection, line(trial.facts.ping, id=1), returns(1))
    trial.exchange(connection, line("no-such-command", id=2), replies(2))


@CASES.case("members-of-a-return", "R27", MUST, "a success has return and the id, and no more")
def _(trial: Trial) -> None:
    reply = _only(trial.ready().ask(line(trial.facts.ping, id=1)))
    check(set(reply) <= {"return", "id"} and "return" in reply, "return and id", list(reply))


@CASES.case("members-of-an-error", "R27", MUST, "an error has a class and a desc, both strings")
def _(trial: Trial) -> None:
    reply = _only(trial.ready().ask(line("no-such-command", id=1)))
    if "return" in reply:
        raise NotTried("no command is known that fails")
    check(set(reply) <= {"error", "id"} and "error" in reply, "error and id", list(reply))
    error = reply["error"]
    check(isinstance(error, dict), "error, an object", error)
    for name in ("class", "desc"):
        check(isinstance(error.get(name), str), f"{name}, a string", error)


def _only(replies: list[Any]) -> Any:
    is_one = len(replies) == 1 and isinstance(replies[0], dict)
    check(is_one, "one reply", listed([answer_of(each) for each in replies]))
    return replies[0]


def _echoes(name: str, level: Level, title: str, *ids: JsonValue) -> None:
    """Add a case of ids that come back."""

    @CASES.case(name, "R28", level, title)
    def _(trial: Trial) -> None:
        connection = trial.ready()
        for id in ids:
            trial.exchange(connection, line(trial.facts.ping, id=id), returns(id))


_echoes("id", MUST, "the reply has its command's id, text or number", "a b", "", 0, 7)
_echoes(
    "id-of-any-type", MUST, "an id may be any value", True, False, [1, ["a"], {}], {"a": {"b": []}}
)
_echoes("id-null", SHOULD, "an id may be null, and comes back", None)
_echoes("id-used-twice", SHOULD, "an id may be used again", "same", "same")
CASES.exchange("no-id", "R28", MUST, "without an id in the command, the reply has none",
               b'{"execute": "PING"}\n', returns())  # fmt: skip
CASES.exchange("no-id-in-an-error", "R28", MUST, "so it is in an error",
               line("no-such-command"), replies())  # fmt: skip
CASES.exchange("id-in-an-error", "R28", MUST, "an error has its command's id",
               line("no-such-command", id={"a": 1}), replies({"a": 1}))  # fmt: skip
CASES.exchange("id-of-a-malformed-command", "R28", SHOULD,
               "so has the error of an object that is no command",
               b'{"id": "lost"}\n', refuses("lost"))  # fmt: skip


@CASES.case("place-of-the-id", "R28", AS_QEMU, "the id follows return, and precedes error")
def _(trial: Trial) -> None:
    connection = trial.ready()
    good = _only(connection.ask(line(trial.facts.ping, id=1)))
    bad = _only(connection.ask(line("no-such-command", id=2)))
    check([*good, *bad] == ["return", "id", "id", "error"], "return, id; id, error", [*good, *bad])


@CASES.case("order", "R29", MUST, "in-band commands are answered in the order of their arrival")
def _(trial: Trial) -> None:
    data, expected = b"", list[Answer]()
    for number in range(1, 21):
        is_good = number % 3 > 0
        data += line(trial.facts.ping if is_good else "no-such-command", id=number)
        expected.append(returns(number) if is_good else replies(number))
    trial.exchange(trial.ready(), data, *expected)


CASES.exchange("order-of-parse-errors", "R29", SHOULD, "the answer to broken text keeps its place",
               b'{"execute": "PING", "id": 1}\n{"execute": }\n{"execute": "PING", "id": 2}\n',
               returns(1), refuses(), returns(2))  # fmt: skip


@CASES.case("error-classes", "R30", SHOULD, "the class of an error is one of QEMU's five")
def _(trial: Trial) -> None:
    data = line("no-such-command") + b'{"execute": 1}\n[]\n{"execute": ]}\n'
    data += line(trial.facts.ping, {"extra": 1})
    for reply in trial.ready().ask(data, 5):
        name = error_of(reply).get("class")
        check(name in _CLASSES, f"one of {', '.join(_CLASSES)}", name)


@CASES.case("half-close", "R33", SHOULD,
            "a client that closes its sending side gets all replies, then the end")  # fmt: skip
def _(trial: Trial) -> None:
    connection = trial.ready()
    connection.send(b"".join(line(trial.facts.ping, id=number) for number in range(1, 11)))
    connection.half_close()
    trial.compare(connection.replies(10), *map(returns, range(1, 11)))
    check(connection.wait_closed(), "the end of the connection", connection.ending())


_QUIT: Final = line("quit", id="quit")


@CASES.case("quit", "R34", SHOULD, "quit is answered, then the connection ends",
            suites=SERVERS, changes=True, ends=True)  # fmt: skip
def _(trial: Trial) -> None:
    trial.needs("quit")
    connection = trial.ready()
    connection.send(_QUIT)
    trial.compare(connection.replies(1), returns("quit"))
    check(connection.wait_closed(), "the end of the connection", connection.ending())


@CASES.case("after-quit", "R34", AS_QEMU, "what comes behind quit isn't answered",
            suites=SERVERS, changes=True, ends=True)  # fmt: skip
def _(trial: Trial) -> None:
    trial.needs("quit")
    connection = trial.ready()
    connection.send(_QUIT + line("query-version", id=2))
    if not connection.wait_closed():
        raise NotTried("the server doesn't end")
    trial.compare(connection.replies(3), returns("quit"))
