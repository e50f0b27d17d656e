"""Completion in real shells, with the same cases for each.

Modules: completion_command.
"""

import os
import pty
import re
import select
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from qmpeer.cli.completion_scripts import bash_script, zsh_script
from qmpeer.cli.fish_completion import fish_script
from qmpeer.cli.grammar import options_in, usages
from qmpeer.cli.main import SUBCOMMANDS, main
from qmpeer.machine import USAGE
from tests.cli.scripted_server import Scripted
from tests.patience import PATIENCE

SUBCOMMAND_NAMES = set(SUBCOMMANDS)
VERBS = {"ping", "info", "exec", "get", "put", "freeze", "thaw", "status", "shutdown", "suspend",
         "call"}  # fmt: skip
CASES: dict[str, tuple[str, set[str]]] = {
    "subcommands": ("qmpeer ", SUBCOMMAND_NAMES),
    "one subcommand": ("qmpeer sche", {"schema"}),
    "verbs": ("qmpeer schema ", {"dump", "diff", "has", "lint"}),
    "verbs behind an address": ("qmpeer ga /run/x ", VERBS),
    "options": ("qmpeer exec --o", {"--oob"}),
    "options behind other words": ("qmpeer exec unix:/x stop --p", {"--pretty"}),
    "options of a verb": ("qmpeer ga unix:/x put --a", {"--append"}),
    "options of qmp-shell": ("qmp-shell --keep", {"--keep-going"}),
    "options of the machine": ("qmpeer serve -chard", {"-chardev"}),
    "a value of an option": ("qmpeer events /x --time s", {"since"}),
    "words behind values": ("qmpeer ga /x suspend --timeout 3 r", {"ram"}),
    "files": ("qmpeer exec vm", {"vm.qmp"}),
    "files behind a scheme": ("qmpeer exec unix:./vm", {"./vm.qmp"}),
    "files behind an option": ("qmp-shell -f vm", {"vm.qmp"}),
    "presets": ("qmpeer mcp ./vm.qmp --policy mon", {"monitoring"}),
    "presets of the proxy": ("qmpeer proxy ./vm.qmp --policy read", {"read-only"}),
    "presets behind a verb": ("qmpeer policy test op", {"operator"}),
    "files beside presets": ("qmpeer mcp ./vm.qmp --policy vm", {"vm.qmp"}),
    "files beside presets, behind a verb": ("qmpeer policy test vm", {"vm.qmp"}),
    "the server's names": ("qmpeer exec ./vm.qmp query-st", {"query-status"}),
    "the server's names behind -c": ("qmp-shell ./vm.qmp -c query-st", {"query-status"}),
    "... and behind other words": ("qmpeer shell ./vm.qmp -c query-st", {"query-status"}),
    "the server's events": ("qmpeer events ./vm.qmp ST", {"STOP"}),
    "the server's jobs": ("qmpeer jobs ./vm.qmp --wait ", {"job0", "other", "with blank"}),
    "the server's objects": ("qmpeer qom ./vm.qmp tree /mach", {"/machine"}),
}
"""What is typed, and what is offered."""
ANSWERS = {
    "query-qmp-schema": [
        {"name": name, "meta-type": "event", "arg-type": "0"} for name in ("STOP", "RESUME")
    ],
    "query-status": {},
    "query-jobs": [{"id": "job0"}, {"id": "other"}, {"id": "with blank"}],
    "qom-list": [{"name": "machine", "type": "child<x>"}],
}
BASH = r"""
compopt() {  # readline's own: the names of files
  mapfile -t COMPREPLY < <(compgen -f -- "${COMP_WORDS[COMP_CWORD]#:}")
}
source "$1"
shift
for typed; do
  COMP_LINE=$typed COMP_POINT=${#typed} COMPREPLY=()
  # As readline does it: words end at blanks, and ":" and "=" are words of their own.
  read -ra COMP_WORDS <<< "${typed//:/ : }"
  [[ $typed == *" " || $typed == *: ]] && COMP_WORDS+=("")
  COMP_CWORD=$(( ${#COMP_WORDS[@]} - 1 ))
  _qmpeer
  (( ${#COMPREPLY[@]} )) && printf '%s\n' "${COMPREPLY[@]}"
  printf '<end>\n'
done
"""
FISH = r"""
source $argv[1]
for typed in $argv[2..]
    complete -C $typed
    echo '<end>'
end
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the scripts, and with our programs on the shell's PATH."""
    folder = tmp_path_factory.mktemp("completion")
    made = usages()
    (folder / "bash").write_text(bash_script(made))
    (folder / "_qmpeer").write_text(zsh_script(made))
    (folder / "qmpeer.fish").write_text(fish_script(made))
    (folder / "bin").mkdir()
    for name in ("qmpeer", "qmp-shell"):
        program = folder / "bin" / name
        program.write_text(f'#!/bin/sh\nexec {sys.executable} -m qmpeer "$@"\n')
        program.chmod(0o755)
    return folder


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> "Path":
    return tmp_path_factory.mktemp("place")


@pytest.fixture(scope="module", autouse=True)
def server(place: Path) -> "object":
    with Scripted(place / "vm.qmp", ANSWERS) as server:
        yield server


def environment(folder: Path) -> dict[str, str]:
    path = f"{folder}/bin:{os.environ['PATH']}"
    home = {"HOME": str(folder), "XDG_CONFIG_HOME": str(folder), "XDG_DATA_HOME": str(folder)}
    return {**os.environ, **home, "PATH": path, "TERM": "xterm", "LC_ALL": "C.UTF-8"}


def offered_by(argv: Sequence[str], folder: Path, place: Path) -> dict[str, list[str]]:
    """Return the lines that one shell offers for each text that is typed."""
    typed = [text for text, _ in CASES.values()]
    done = subprocess.run(
        [*argv, *typed],
        cwd=place,
        env=environment(folder),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.stderr == ""
    assert done.returncode == 0
    *parts, rest = done.stdout.split("<end>\n")
    assert rest == ""
    return {text: part.splitlines() for text, part in zip(typed, parts, strict=True)}


@pytest.fixture(scope="module")
def bash(folder: Path, place: Path, program: Callable[[str], str]) -> dict[str, list[str]]:
    argv = [program("bash"), "--norc", "-c", BASH, "bash", str(folder / "bash")]
    return offered_by(argv, folder, place)


@pytest.fixture(scope="module")
def fish(folder: Path, place: Path, program: Callable[[str], str]) -> dict[str, list[str]]:
    argv = [program("fish"), "--no-config", "-c", FISH, f"{folder}/qmpeer.fish"]
    return offered_by(argv, folder, place)


@pytest.mark.parametrize(("typed", "offered"), CASES.values(), ids=CASES)
def test_bash(typed: str, offered: set[str], bash: dict[str, list[str]]) -> None:
    assert {word.replace("\\ ", " ") for word in bash[typed]} == offered


@pytest.mark.real
@pytest.mark.parametrize(("typed", "offered"), CASES.values(), ids=CASES)
def test_fish(typed: str, offered: set[str], fish: dict[str, list[str]]) -> None:
    found = {line.partition("\t")[0] for line in fish[typed]}
    # A scheme before a path is part of the word here. Fish 4 also offers words that merely contain
    # the same letters.
    last = typed.rpartition(" ")[2]
    assert {word.removeprefix("unix:") for word in found if word.startswith(last)} == offered


@pytest.mark.real
def test_zsh(folder: Path, place: Path, program: Callable[[str], str]) -> None:
    shell = Zsh([program("zsh"), "-f", "-i"], folder, place)
    try:
        for typed, offered in CASES.values():
            if "unix:" in typed or typed == "qmp-shell -f vm":
                continue  # users configure how their shell completes file names
            found = shell.offers(typed).replace("\\", "")
            assert all(word in found for word in offered), (typed, offered, found)
    finally:
        shell.end()


class Zsh:
    """An interactive zsh, with a widget that lists the completions it would offer."""

    def __init__(self, argv: Sequence[str], folder: Path, place: Path) -> None:
        self._ours, its = pty.openpty()
        self._process = subprocess.Popen(
            argv, stdin=its, stdout=its, stderr=its, cwd=place, env=environment(folder)
        )
        os.close(its)
        setup = (
            f"stty -echo; PS1= PROMPT_EOL_MARK= LISTMAX=1000; fpath=({folder} $fpath); "
            "autoload -Uz compinit; compinit -u -D; setopt no_beep; unset zle_bracketed_paste; "
            "offer() { zle list-choices; zle -R; print -r -- '<end>' }; zle -N offer; "
            "bindkey '^Xl' offer; print -r -- begin''ning"
        )
        self._write(setup + "\n")
        self._until("beginning")

    def _write(self, text: str) -> None:
        os.write(self._ours, text.encode())

    def _until(self, text: str) -> str:
        seen = ""
        while text not in seen:
            assert select.select([self._ours], [], [], PATIENCE)[0], seen
            seen += os.read(self._ours, 65536).decode(errors="replace")
        return seen

    def offers(self, typed: str) -> str:
        """Return the completions that zsh lists below the line."""
        self._write(f"{typed}\x18l")  # and no text after it: zsh wouldn't show the list
        seen = self._until("<end>")
        self._write("\x15")
        return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]|[\r\x07]", "", seen)

    def end(self) -> None:
        self._process.kill()
        self._process.wait(PATIENCE)
        os.close(self._ours)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_syntax(shell: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    path = shutil.which(shell)
    if path is not None:
        subprocess.run([path, "-n"], input=script, text=True, check=True, timeout=PATIENCE)
    for name in SUBCOMMANDS:
        assert name in script


def test_all_is_described() -> None:
    """Each subcommand, each verb and each option has a description."""
    made = usages()
    assert {usage.words[0] for usage in made} == SUBCOMMAND_NAMES
    for usage in made:
        assert usage.about
        if usage.parser is not None:
            assert all(option.help for option in usage.options), usage.key
            epilog = usage.parser.epilog or ""
            assert usage.words[0] in ("exec", "shell", "schema", "bindings") or (
                "example" in epilog
            ), usage.key


def test_options_of_the_machine() -> None:
    options = {option.flags[0]: option.value for option in options_in(USAGE)}
    assert options["-qmp"] == "DEV"
    assert options["-S"] is None
    assert options["--insecure"] is None
    assert options["-name"] == "[guest=]NAME"


def test_names(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "names", "job", str(place / "vm.qmp"), "jo"]) == 0
    assert capsys.readouterr().out == "job0\n"
    assert main(["completion", "names", "nope", str(place / "vm.qmp")]) == 2
    found = "qmpeer completion: found 'nope' as a kind of names, expected one of block, block-"
    assert capsys.readouterr().err.startswith(found)
    assert main(["completion", "names"]) == 2
    assert main(["completion", "bash", "x"]) == 2
    assert main(["completion", "names", "job", str(place / "nobody")]) == 3
