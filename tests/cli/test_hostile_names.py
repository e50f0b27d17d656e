"""Names chosen by a server are data: TAB in real shells quotes them and never executes one.

Modules: completion_command, completion_scripts, fish_completion.
"""

import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from qmpeer.cli.completion_scripts import bash_script, zsh_script
from qmpeer.cli.fish_completion import fish_script
from qmpeer.cli.grammar import usages
from qmpeer.cli.main import main
from tests.cli.scripted_server import Scripted
from tests.tmux import Terminal

OFFERED = [
    "a$(touch pwned)", "b`touch pwned`", "c';touch pwned;'", 'd"$(touch pwned)"', "e;touch pwned",
    "f with  blanks ", "g${HOME}", "h*", "i[0]", "j{k,l}", "m\\n", "o!!", "p#q",
    "r:s$(touch pwned)", "t=u v", "w|touch pwned", "x&touch pwned&", "y<(touch pwned)", "z>pwned",
    "~", "é ☃", "A=(B)", "C?D", "E^F", "G%H", "$(touch pwned)", "s$(1)", "s$(2)",
]  # fmt: skip
"""Names that are offered, and inserted so that the command gets them as they are."""
LEFT_OUT = [
    "n\n$(touch pwned)", "n\rn", "n\tn", "n\x1b]0;evil\x07", "n\x7fn", "n\x9b2J", "n\u202en",
    "n\u2028n", "-n", "--help", "", " \n",
]  # fmt: skip
"""Names that can't be typed, or would be an option."""
TYPED = {name: name[0] for name in OFFERED if name not in ("~", "s$(1)")} | {
    "$(touch pwned)": "\\$",
    "s$(2)": "s\\$\\(2",
}
"""How each of them begins, as it is typed."""
FILE = "vm$(touch pwned) x"
SCRIPTS = {"bash": bash_script, "zsh": zsh_script, "fish": fish_script}
STARTS = {
    "bash": ("--norc --noprofile -i", "source ./script"),
    "zsh": (
        "-f -i",
        "autoload -Uz compinit; compinit -u -D; source ./script; compdef _qmpeer qmpeer",
    ),
    "fish": ("--no-config --private", "source ./script"),
}
STUB = """#!/bin/sh
# What the server has is known; what a command gets is shown.
if [ "$1" = completion ]; then exec cat names; fi
printf "<%s>" "$@"
echo .
"""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server with such names for all its jobs, events and commands."""
    path = tmp_path_factory.mktemp("server") / "q"
    names = [*OFFERED, *LEFT_OUT]
    answers = dict.fromkeys(names) | {
        "query-jobs": [{"id": name} for name in names],
        "query-qmp-schema": [{"name": name, "meta-type": "event"} for name in [*names, "STOP"]],
    }
    with Scripted(path, answers):
        yield str(path)


def names_of(kind: str, address: str, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Return the names that the shells get."""
    assert main(["completion", "names", kind, "--", address]) == 0
    return capsys.readouterr().out.split("\n")[:-1]


def test_jobs(address: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert set(names_of("job", address, capsys)) == set(OFFERED)


@pytest.mark.parametrize(("kind", "known"), [("command", "query-jobs"), ("event", "STOP")])
def test_what_stands_in_a_language_of_ours(
    kind: str, known: str, address: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Commands are also completed after -c of qmp-shell, and events are patterns."""
    found = names_of(kind, address, capsys)
    assert known in found
    assert not {*OFFERED, *LEFT_OUT} & set(found)


def test_a_beginning_with_a_dash(address: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "names", "job", "--", address, "-"]) == 0
    assert capsys.readouterr().out == ""


@pytest.mark.real
@pytest.mark.terminal
@pytest.mark.parametrize("shell", SCRIPTS)
def test_tab(
    shell: str,
    address: str,
    program: Callable[[str], str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """At a terminal, TAB completes each name, and the command gets exactly that name."""
    (tmp_path / "script").write_text(SCRIPTS[shell](usages()))
    (tmp_path / "names").write_text("".join(f"{n}\n" for n in names_of("job", address, capsys)))
    (tmp_path / "qmpeer").write_text(STUB)
    (tmp_path / "qmpeer").chmod(0o755)
    (tmp_path / FILE).touch()
    options, setup = STARTS[shell]
    place = shlex.quote(str(tmp_path))
    start = f"cd {place}; PATH={place}:$PATH HISTFILE= {program(shell)} {options}"
    with Terminal(program("tmux"), tmp_path, [start], columns=200, rows=60) as terminal:
        terminal.enter(setup)
        terminal.enter("echo rea''dy")
        terminal.until_seen("ready")
        for typed, got in (
            ("./vm", f"./{FILE}"),
            *((f"/vm {typed}", f"/vm><{name}") for name, typed in TYPED.items()),
        ):
            terminal.write(f"qmpeer jobs {typed}")
            terminal.press("Tab")
            terminal.enter("")
            terminal.until_seen(f"<jobs><{got}>.")
            terminal.press("C-l")
        terminal.write("qmpeer jobs /vm ")
        terminal.press("Tab", "Tab")
        terminal.until_seen("y<(touch pwned)" if shell == "fish" else "y\\<\\(touch")
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize("shell", SCRIPTS)
def test_nothing_evaluates_words(shell: str) -> None:
    """No script contains a construct that executes a text as code or expands it twice."""
    script = SCRIPTS[shell](usages())
    assert not re.search(r"\beval\b|compgen|complete.* -W|\$\{\(\w*e\w*\)|\(\$\(", script)
