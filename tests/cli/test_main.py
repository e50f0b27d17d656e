import subprocess
import sys
from pathlib import Path

import pytest

from qmpeer import __version__
from qmpeer.cli.main import SUBCOMMANDS, RawSubcommand, main
from qmpeer.cli.shell_command import qmp_shell
from tests.cli.scripted_server import Scripted
from tests.patience import PATIENCE

MISSING = "unix:/nonexistent/q"


@pytest.mark.parametrize("word", ["--version", "-V"])
def test_the_version(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([word]) == 0
    assert capsys.readouterr().out == f"qmpeer {__version__}\n"


def test_qmp_shell_goes_by_its_own_name(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert qmp_shell(["--version"]) == 0
    assert qmp_shell(["--nothing"]) == 2
    assert capsys.readouterr() == (
        f"qmp-shell {__version__}\n",
        "qmp-shell: unrecognized arguments: --nothing; see qmp-shell --help\n",
    )


@pytest.mark.parametrize(
    "words", [["--help"], ["exec", "--help"], ["events", "-h"], ["serve", "--help"]]
)
def test_help(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 0
    out, err = capsys.readouterr()
    assert out.startswith("usage: qmpeer")
    assert err == ""


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ([], "qmpeer: found no subcommand, expected one of serve, relay, record, "),
        (["bogus"], "qmpeer: found 'bogus', expected one of serve, relay, record, "),
        (["exec"], "qmpeer exec: the following arguments are required: ADDRESS, COMMAND;"),
        (["exec", "q"], "qmpeer exec: the following arguments are required: COMMAND;"),
        (["exec", "q", "stop", "--bogus"], "qmpeer exec: unrecognized arguments: --bogus"),
        (["exec", "q", "stop", "--time", "1"], "qmpeer exec: unrecognized arguments: --time"),
        (["exec", "q", "stop", "a"], "qmpeer exec: found 'a', expected name=value"),
        (["exec", "q", "stop", "--timeout", "x"], "qmpeer exec: argument --timeout: "),
        (["exec", "q", "stop", "--timeout", "0"], "qmpeer exec: argument --timeout: "),
        (["exec", "q", "stop", "--timeout", "nan"], "qmpeer exec: argument --timeout: "),
        (["exec", "q", "stop", "--pretty", "--compact"], "qmpeer exec: argument --compact: "),
        (["exec", "ssh://h/q", "stop"], "qmpeer exec: found 'ssh://h/q', but ssh is not available"),
        (["exec", "tcp:h", "stop"], "qmpeer exec: found 'h', expected HOST:PORT"),
        (["exec", "", "stop"], "qmpeer exec: found '', expected the path of a unix socket"),
        (["exec", "q", "x", "--oob", "--no-negotiate"], "qmpeer exec: found --oob with "),
        (["exec", "q", "\udcff"], "qmpeer exec: found '\\udcff', expected text in UTF-8"),
        (["events"], "qmpeer events: the following arguments are required: ADDRESS;"),
        (["events", "q", "--count", "0"], "qmpeer events: argument --count: "),
    ],
    ids=" ".join,
)
def test_usage_errors(words: list[str], text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(text)
    assert err.count("\n") == 1


@pytest.mark.parametrize("words", [["exec", MISSING, "stop"], ["events", MISSING]])
def test_no_connection(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 3
    out, err = capsys.readouterr()
    assert out == ""
    assert err == f"qmpeer {words[0]}: {MISSING}: No such file or directory\n"


def test_options_stand_anywhere(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["exec", "--timeout", "1", MISSING, "--pretty", "stop", "a=1", "--oob", "b=2"]) == 3
    assert "No such file" in capsys.readouterr().err


def test_an_error_of_our_own(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    foreign = RawSubcommand("", lambda words: {}[words[0]], "")
    monkeypatch.setattr("qmpeer.cli.exec_command.COMMAND", foreign)
    assert main(["exec", "x"]) == 70
    assert capsys.readouterr().err == "qmpeer exec: internal error: KeyError: 'x'\n"


@pytest.mark.parametrize("words", [["--version"], ["--help"], ["exec", "--help"]], ids=" ".join)
def test_output_that_a_full_disk_does_not_take(
    words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with open("/dev/full", "w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        assert main(words) == 3


CLOSED = {"output": ">&-", "errors": "2>&-", "input": "<&-", "all": "<&- >&- 2>&-"}
EACH_HELP = [
    ["--help"], ["--version"], *([name, "--help"] for name in SUBCOMMANDS),
    ["ga", "x", "ping", "--help"], ["schema", "dump", "--help"], ["serve", "-chardev", "help"],
    ["serve", "-version"],
]  # fmt: skip


@pytest.mark.parametrize("words", EACH_HELP, ids=" ".join)
def test_help_where_standard_output_is_closed(
    words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    assert main(words) == 0


@pytest.mark.parametrize("how", CLOSED.values(), ids=CLOSED)
def test_closed_streams(how: str, tmp_path: Path) -> None:
    """No socket gets their numbers, so only commands are written to the server."""
    told = tmp_path / "told"
    with Scripted(tmp_path / "q", {"query-name": {}, "query-qmp-schema": []}) as server:
        tool = f"{sys.executable} -m qmpeer"
        commands = {
            f"{tool} exec {server.address} query-name": 0,
            f"{tool} exec {server.address} nonesuch": 1,
            f"{tool} shell {server.address} -c query-name": 0,
            f"{tool} shell {server.address} -c nonesuch": 1,
            f"{tool} nonesuch": 2,
            f"{tool} --help": 0,
        }
        lines = [f"{command} {how}; echo $? >>{told}" for command in commands]
        shown = subprocess.run(
            ["/bin/sh", "-c", "\n".join(lines)], capture_output=True, text=True, timeout=PATIENCE
        )
    assert [int(status) for status in told.read_text().split()] == list(commands.values())
    assert "internal error" not in shown.stderr
    assert "Traceback" not in shown.stderr
