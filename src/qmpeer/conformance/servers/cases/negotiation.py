"""Cases about the greeting and the negotiation: R14 to R19."""

from typing import Any, Final

from qmpeer.conformance.results import Level
from qmpeer.conformance.servers.answers import answer_of, refuses, returns, same
from qmpeer.conformance.servers.table import Table
from qmpeer.conformance.servers.trial import Trial, check, line, negotiation
from qmpeer.conformance.servers.verdicts import Mismatch, NotTried

CASES: Final = Table()
MUST, SHOULD, AS_QEMU = Level


def _greeting(trial: Trial) -> Any:
    connection = trial.connect()
    if not trial.facts.greets:
        raise NotTried("the server doesn't greet")
    first = connection.receive()
    inside = first.get("QMP") if isinstance(first, dict) else None
    check(isinstance(inside, dict), "a greeting with the member QMP, an object", repr(first))
    return inside


@CASES.case("greeting", "R14", MUST, "a connection begins with the server's greeting")
def _(trial: Trial) -> None:
    if not trial.facts.greets:
        # Learnt on the first connection: waiting once more would show nothing new.
        raise Mismatch("a greeting before anything else", "none")
    connection = trial.connect()
    kind = answer_of(connection.receive()).kind
    check(kind == "greeting", "a greeting before anything else", kind)


@CASES.case("greeting-members", "R14", MUST, "it has a version and a list of capabilities")
def _(trial: Trial) -> None:
    inside = _greeting(trial)
    check(isinstance(inside.get("version"), dict), "version, an object", inside.get("version"))
    offered = inside.get("capabilities")
    is_list = isinstance(offered, list) and all(isinstance(each, str) for each in offered)
    check(is_list, "capabilities, an array of strings", offered)


@CASES.case("greeting-version", "R14", SHOULD, "its version has three numbers and a package")
def _(trial: Trial) -> None:
    version = _greeting(trial).get("version")
    check(isinstance(version, dict), "version, an object", version)
    numbers = version.get("qemu")
    is_right = isinstance(numbers, dict) and all(
        type(numbers.get(name)) is int for name in ("major", "minor", "micro")
    )
    check(is_right, "version.qemu with the integers major, minor, micro", numbers)
    check(isinstance(version.get("package"), str), "package, a string", version.get("package"))


@CASES.case("version-in-both", "R14", SHOULD, "query-version returns the greeting's version")
def _(trial: Trial) -> None:
    greeted = _greeting(trial).get("version")
    trial.needs("query-version")
    asked = trial.value(trial.ready(), "query-version")
    check(same(greeted, asked), f"the greeting's version, {greeted}", asked)


CASES.exchange("negotiation-comes-first", "R15", MUST,
               "until qmp_capabilities succeeds, a command is answered with CommandNotFound",
               line("query-version", id=1), refuses(1, "CommandNotFound"),
               state="greeted")  # fmt: skip
CASES.exchange("unknown-before-negotiation", "R15", MUST, "so is a command that doesn't exist",
               line("no-such-command", id=1), refuses(1, "CommandNotFound"),
               state="greeted")  # fmt: skip
CASES.exchange("malformed-before-negotiation", "R15", AS_QEMU,
               "a malformed command is answered with its own error first",
               b'{"execute": "query-version", "extra": 1, "id": 1}\n',
               refuses(1, "GenericError"), state="greeted")  # fmt: skip


@CASES.case("negotiation", "R16", MUST, "qmp_capabilities returns an empty object")
def _(trial: Trial) -> None:
    connection = trial.greeted()
    replies = trial.exchange(connection, line("qmp_capabilities", id=1), returns(1))
    check(replies[0]["return"] == {}, "{}", replies[0]["return"])


@CASES.case("negotiation-of-nothing", "R16", MUST, "an empty list enables nothing, and succeeds")
def _(trial: Trial) -> None:
    connection = trial.greeted()
    data = line("qmp_capabilities", {"enable": []}, id=1)
    trial.exchange(connection, data, returns(1))


@CASES.case("negotiation-of-oob", "R16", MUST, "the offered capability oob can be enabled")
def _(trial: Trial) -> None:
    trial.ready("oob").rest()


@CASES.case("unknown-capability", "R16", SHOULD,
            "what isn't offered is refused, and the negotiation continues")  # fmt: skip
def _(trial: Trial) -> None:
    connection = trial.greeted()
    data = line("qmp_capabilities", {"enable": ["telepathy"]}, id=1)
    trial.exchange(connection, data, refuses(1))
    trial.exchange(connection, line("qmp_capabilities", id=2), returns(2))


@CASES.case("wrong-capabilities", "R16", SHOULD, "enable has to be an array of strings")
def _(trial: Trial) -> None:
    connection = trial.greeted()
    for wrong in ("oob", [1], None):
        data = line("qmp_capabilities", {"enable": wrong}, id=1)  # type: ignore[dict-item]  # wrong on purpose
        trial.exchange(connection, data, refuses(1, "GenericError"))


@CASES.case("effect-with-next-command", "R17", SHOULD,
            "negotiation takes effect with the next command, even in the same write")  # fmt: skip
def _(trial: Trial) -> None:
    data = line("qmp_capabilities", id=1) + line("query-version", id=2)
    trial.exchange(trial.greeted(), data, returns(1), returns(2))


CASES.exchange("second-negotiation", "R18", MUST, "a second qmp_capabilities is refused",
               line("qmp_capabilities", id=1), refuses(1))  # fmt: skip
CASES.exchange("class-of-a-second-negotiation", "R18", AS_QEMU, "its class is CommandNotFound",
               line("qmp_capabilities", id=1), refuses(1, "CommandNotFound"))  # fmt: skip


@CASES.case("second-negotiation-of-oob", "R18", MUST, "it enables nothing")
def _(trial: Trial) -> None:
    if "oob" not in trial.facts.capabilities:
        raise NotTried("the server doesn't offer the capability oob")
    connection = trial.ready()
    connection.send(negotiation("oob"))
    connection.reply()
    trial.exchange(connection, line("query-version", verb="exec-oob", id=1), refuses(1))


@CASES.case("each-connection-anew", "R19", MUST, "the next client is greeted, and has to negotiate")
def _(trial: Trial) -> None:
    trial.ready().close()
    data = line("query-version", id=1)
    trial.exchange(trial.greeted(), data, refuses(1, "CommandNotFound"))


@CASES.case(
    "capabilities-are-not-inherited", "R19", MUST, "the next client has none of them enabled"
)
def _(trial: Trial) -> None:
    trial.ready("oob").close()
    connection = trial.ready()
    trial.exchange(connection, line("query-version", verb="exec-oob", id=1), refuses(1))
