"""Cases that only a guest agent has: R52."""

from typing import Final

from qmpeer.conformance.results import Level
from qmpeer.conformance.servers.answers import answer_of, listed, refuses, returns
from qmpeer.conformance.servers.table import AGENTS, Table
from qmpeer.conformance.servers.trial import Trial, check, line

CASES: Final = Table(AGENTS)
MUST, SHOULD, AS_QEMU = Level
_DELIMITED: Final = "guest-sync-delimited"


@CASES.case("no-greeting", "R52", MUST, "an agent doesn't greet; the first line answers a command")
def _(trial: Trial) -> None:
    trial.exchange(trial.connect(), line("guest-ping", id=1), returns(1))


@CASES.case("guest-ping", "R52", MUST, "guest-ping returns an empty object")
def _(trial: Trial) -> None:
    value = trial.value(trial.ready(), "guest-ping")
    check(value == {}, "{}", value)


@CASES.case("guest-sync", "R52", MUST, "guest-sync returns the number that it is given")
def _(trial: Trial) -> None:
    connection = trial.ready()
    for number in (1, 1234567890, 2**63 - 1):
        value = trial.value(connection, "guest-sync", id=number)
        check(value == number and type(value) is int, str(number), value)


@CASES.case(
    "guest-sync-delimited", "R52", MUST, "a byte FF precedes the reply of guest-sync-delimited"
)
def _(trial: Trial) -> None:
    connection = trial.ready()
    value = trial.value(connection, _DELIMITED, id=77)
    check(value == 77, "77", value)
    data = connection.received.data
    check(data.startswith(b"\xff"), "FF, then the reply", repr(data[:20]))


@CASES.case("resynchronization", "R52", MUST,
            "after a byte FF, what was unfinished before it is gone")  # fmt: skip
def _(trial: Trial) -> None:
    connection = trial.ready()
    connection.send(b'{"execute": "guest-pi\xff' + line(_DELIMITED, {"id": 78}))
    replies = connection.replies(2)
    found = [answer_of(each) for each in replies]
    check(found[-1:] == [returns()], "an error, then a return", listed(found))
    check(replies[-1]["return"] == 78, "78", replies[-1]["return"])
    before, _, after = connection.received.data.rpartition(b"\xff")
    check(after.startswith(b"{") and b"error" in before, "FF behind the error", repr(after[:20]))


@CASES.case("half-a-command-of-another", "R52", MUST,
            "the recommended opening works after a client that left within a command")  # fmt: skip
def _(trial: Trial) -> None:
    with trial.ready() as other:
        other.send(b'{"execute": "guest-ping", "id": "half')
    connection = trial.ready()
    connection.send(b"\xff" + line(_DELIMITED, {"id": 79}))
    while (reply := connection.reply()) is not None and answer_of(reply).kind != "return":
        pass
    check(reply is not None and reply["return"] == 79, "the return 79", connection.ending())


CASES.exchange("sync-without-a-number", "R52", SHOULD, "without its number, guest-sync is refused",
               line("guest-sync", id=1) + line("guest-sync", {"id": "a"}, id=2),
               refuses(1, "GenericError"), refuses(2, "GenericError"))  # fmt: skip


@CASES.case("no-ff-before-an-error", "R52", AS_QEMU, "an error of guest-sync-delimited has no FF")
def _(trial: Trial) -> None:
    connection = trial.ready()
    trial.exchange(connection, line(_DELIMITED, id=1), refuses(1))
    check(b"\xff" not in connection.received.data, "no byte FF", "one")


@CASES.case("number-of-64-bits", "R52", AS_QEMU, "guest-sync refuses what isn't a 64-bit integer")
def _(trial: Trial) -> None:
    connection = trial.ready()
    for wrong in (2**63, 1.5, True, None):
        data = line("guest-sync", {"id": wrong}, id=1)
        trial.exchange(connection, data, refuses(1, "GenericError"))


CASES.exchange("no-negotiation", "R52", SHOULD, "qmp_capabilities is a command that doesn't exist",
               line("qmp_capabilities", id=1), refuses(1, "CommandNotFound"))  # fmt: skip
CASES.exchange("no-out-of-band", "R52", AS_QEMU, "exec-oob is refused",
               line("guest-ping", verb="exec-oob", id=1), refuses(1, "GenericError"))  # fmt: skip


@CASES.case("guest-info", "R52", SHOULD, "guest-info lists the commands, each with its state")
def _(trial: Trial) -> None:
    info = trial.value(trial.ready(), "guest-info")
    check(isinstance(info, dict), "an object", info)
    check(isinstance(info.get("version"), str), "version, a string", info.get("version"))
    listed = info.get("supported_commands")
    is_right = isinstance(listed, list) and all(
        isinstance(each, dict)
        and isinstance(each.get("name"), str)
        and isinstance(each.get("enabled"), bool)
        for each in listed
    )
    check(is_right, "supported_commands, objects with name and enabled", listed)
    names = {each["name"] for each in listed}
    check({"guest-ping", "guest-sync", "guest-info"} <= names, "the basic commands", "not all")
