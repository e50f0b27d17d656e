"""Command lines of programs without a human monitor."""

import shlex

import pytest

from qmpeer.options import StartError
from qmpeer.options.control_monitors import check_control_only
from tests.options.program import parse

OBJECTS = "--monitor-objects -chardev null,id=c"


@pytest.mark.parametrize(
    "words",
    [
        "-qmp stdio",
        "-monitor none -qmp stdio",
        "-chardev null,id=c -mon chardev=c,mode=control",
        f"{OBJECTS} -object monitor-qmp,id=m,chardev=c",
        "-S -no-user-config -nodefaults -nographic -machine none,accel=kvm:tcg -qmp stdio",
    ],
)
def test_what_is_possible(words: str) -> None:
    check_control_only(parse(shlex.split(words)))


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("-monitor stdio", "-monitor stdio: there is no human monitor here, expected QMP"),
        ("-chardev null,id=c -mon c", "-mon c: there is no human monitor here, expected QMP"),
        ("-qmp-pretty stdio", "-qmp-pretty stdio: nothing is indented here, because every byte"),
        ("-nodefaults", "no option opens a monitor, expected one such as -qmp unix:"),
        ("-monitor none", "no option opens a monitor, expected one such as -qmp unix:"),
        (
            f"{OBJECTS} -object monitor-hmp,id=m,chardev=c",
            "-object monitor-hmp,id=m,chardev=c: there is no human monitor here",
        ),
        (
            f"{OBJECTS} -object monitor-qmp,id=m,chardev=c,pretty=on",
            "-object monitor-qmp,id=m,chardev=c,pretty=on: nothing is indented here",
        ),
        (
            f"{OBJECTS} -object monitor-qmp,id=m,chardev=c,close-action=delete",
            "-object monitor-qmp,id=m,chardev=c,close-action=delete: monitors can't be deleted",
        ),
    ],
)
def test_what_is_refused(words: str, text: str) -> None:
    with pytest.raises(StartError) as caught:
        check_control_only(parse(shlex.split(words)))

    assert str(caught.value).startswith(text)


def test_some_programs_may_indent() -> None:
    check_control_only(parse(["-qmp-pretty", "stdio"]), can_be_pretty=True)
