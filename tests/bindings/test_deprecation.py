"""Deprecation warnings: which are given, how often, and the line that they name."""

import warnings
from collections.abc import Callable, Iterator

import pytest

from qmpeer.bindings import Command, Empty, Struct, command, deprecated, encode
from qmpeer.values import UNSET, UnsetType
from tests.bindings.players import MediumDisk, Tray, eject, insert, move

LABELLED = Tray(is_open=True, label="a")
OF_FORCE = "argument force-it of move is deprecated"
OF_LIFT = "command lift is deprecated"
OF_LIFT_FORCE = "argument force of lift is deprecated"
OF_LABEL = "member label of Tray is deprecated"


@deprecated(OF_LIFT)
def lift(force: bool | UnsetType = UNSET, tray: Tray | UnsetType = UNSET) -> Command[Empty]:
    return command("lift", {"force": force, "tray": tray}, Empty, deprecated=("force",))


@pytest.fixture
def given() -> Iterator[list[warnings.WarningMessage]]:
    with warnings.catch_warnings(record=True) as given:
        warnings.simplefilter("always")
        yield given


Calls = list[tuple[str, Callable[[], object], list[str]]]
CALLS: Calls = [
    ("command", lambda: eject("a"), ["command eject is deprecated"]),
    ("argument", lambda: move(force=True), [OF_FORCE]),
    ("argument of a deprecated command", lambda: lift(force=True), [OF_LIFT, OF_LIFT_FORCE]),
    ("member within one", lambda: lift(tray=LABELLED), [OF_LIFT, OF_LABEL]),
    ("argument that is not sent", lambda: move(tray=Tray(is_open=True)), []),
    ("member", lambda: move(tray=LABELLED), [OF_LABEL]),
    ("member within an array", lambda: move(trays=[LABELLED]), [OF_LABEL]),
    ("member of a member", lambda: insert(MediumDisk(id="d", path="", tray=LABELLED)), [OF_LABEL]),
    ("member of a union", lambda: insert(LABELLED), [OF_LABEL]),
    ("member of a further argument", lambda: move(extra={"x": {"y": LABELLED}}), [OF_LABEL]),
    ("two", lambda: move(force=True, tray=LABELLED), [OF_FORCE, OF_LABEL]),
    ("one that two have", lambda: move(tray=LABELLED, trays=[LABELLED]), [OF_LABEL]),
    ("value that isn't sent", lambda: encode(LABELLED), []),
]


@pytest.mark.parametrize(
    ("call", "expected"), [pytest.param(call, texts, id=name) for name, call, texts in CALLS]
)
def test_each_is_given_once_and_names_the_line_of_the_caller(
    given: list[warnings.WarningMessage], call: Callable[[], object], expected: list[str]
) -> None:
    call()
    assert sorted(str(warning.message) for warning in given) == sorted(expected)
    assert {warning.category for warning in given} <= {DeprecationWarning}
    assert {(warning.filename, warning.lineno) for warning in given} <= {
        (__file__, call.__code__.co_firstlineno)
    }
    call()
    assert len(given) == len(expected)


def test_members_of_two_types_are_told_apart(given: list[warnings.WarningMessage]) -> None:
    class Drawer(Struct, kw_only=True):
        deprecated_members = ("label",)
        label: str

    move(tray=LABELLED)
    move(extra={"drawer": Drawer(label="a")})
    assert [str(warning.message) for warning in given] == [
        OF_LABEL,
        "member label of Drawer is deprecated",
    ]


def test_a_warning_made_an_error_stops_the_call() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(DeprecationWarning, match="member label of Tray"):
            command("move", {"tray": LABELLED}, Tray)


def test_a_deprecated_function_stays_itself(given: list[warnings.WarningMessage]) -> None:
    @deprecated("don't")
    def go(a: int, *, b: int) -> tuple[int, int]:
        """Go."""
        return a, b

    assert go(1, b=2) == (1, 2)
    assert (go.__name__, go.__doc__) == ("go", "Go.")
    assert go.__deprecated__ == "don't"  # type: ignore[attr-defined]  # where tools look
    assert isinstance(eject("a"), Command)
    assert len(given) == 2
