"""Servers and guest agents with any answers: the tools cope, or end with a one-line error."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from qmpeer.cli.main import main
from tests.cli.fake_agent import FakeAgent
from tests.cli.odd_answers import ANSWERS, ODD, odd_answers
from tests.cli.scripted_server import Scripted

TOOLS = [
    "info {}",
    "info {} --json",
    "jobs {}",
    "qom {} tree --depth 2",
    "qom {} list /m",
    "qom {} get /m",
    "qom {} set /m type x",
    "top {} --count 1 --interval 0.001",
    "screenshot {} {}.png",
    "plug {} x serial=1",
    "unplug {} m",
    "exec {} query-jobs",
    "shell {} -c query-jobs",
    "shell {} -H -c help",
    *(f"completion names {kind} {{}}" for kind in ("block", "device", "job", "netdev", "event")),
]


class Odd:
    """A server with one odd answer."""

    def __init__(self, path: Path) -> None:
        self.answers = dict(ANSWERS)
        given = {name: self._giver(name) for name in ANSWERS}
        self.server = Scripted(path, given)

    def _giver(self, name: str) -> Any:
        return lambda **_: self.answers[name]

    def run(self, tool: str) -> int:
        return main([word.replace("{}", self.server.address) for word in tool.split()])

    def asks(self, tool: str) -> list[str]:
        """Return the commands that a tool sends if no answer is odd."""
        self.server.seen.clear()
        self.run(tool)
        return [name for name in ANSWERS if name in {name for name, _ in self.server.seen}]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Odd]:
    odd = Odd(tmp_path / "qmp")
    with odd.server:
        yield odd


def try_all(server: Odd, tool: str, capsys: pytest.CaptureFixture[str], step: int) -> int:
    """Try every step-th odd answer to each command that a tool sends; return their number."""
    count = tried = 0
    for command in server.asks(tool):
        for odd in ODD:
            for answer in odd_answers(ANSWERS[command], odd):
                count += 1
                if (count - 1) % step:
                    continue
                server.answers[command] = answer
                status = server.run(tool)
                err = capsys.readouterr().err
                assert status in (0, 1, 2, 3), (command, answer, err)
                assert "internal" not in err, (command, answer, err)
                tried += 1
        server.answers[command] = ANSWERS[command]
    return tried


@pytest.mark.parametrize("tool", TOOLS)
def test_servers(server: Odd, tool: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert try_all(server, tool, capsys, 37) > 0


@pytest.mark.slow
@pytest.mark.parametrize("tool", TOOLS)
def test_servers_and_all_that_they_may_answer(
    server: Odd, tool: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert try_all(server, tool, capsys, 1) >= len(ODD)


def test_what_came_is_said(server: Odd, capsys: pytest.CaptureFixture[str]) -> None:
    server.answers["qom-list"] = [{"name": "x\x1b[2J"}]
    assert server.run("qom {} list /m") == 1
    assert capsys.readouterr().err == (
        r'qmpeer qom: the answer to qom-list is unusable: found [{"name": "x\u001b[2J"}], '
        "expected a list of names and types\n"
    )


# Guest agents

AGENT: dict[str, Any] = {
    "guest-info": {
        "version": "1",
        "supported_commands": [
            {"name": name, "enabled": True, "success-response": True}
            for name in (
                "guest-get-host-name", "guest-get-osinfo", "guest-get-timezone", "guest-get-vcpus",
                "guest-network-get-interfaces", "guest-get-fsinfo", "guest-get-users",
                "guest-fsfreeze-status",
            )
        ],
    },
    "guest-get-host-name": {"host-name": "web1"},
    "guest-get-osinfo": {"pretty-name": "Debian", "kernel-release": "6.1", "machine": "x86_64"},
    "guest-get-timezone": {"zone": "CET", "offset": 3600},
    "guest-get-vcpus": [{"online": True}],
    "guest-network-get-interfaces": [
        {"name": "e", "hardware-address": "5", "ip-addresses": [{"ip-address": "1", "prefix": 8}]}
    ],
    "guest-get-fsinfo": [{"mountpoint": "/", "type": "ext4", "total-bytes": 5, "used-bytes": 3}],
    "guest-get-users": [{"user": "root"}],
    "guest-fsfreeze-status": "thawed",
    "guest-fsfreeze-freeze": 1,
    "guest-fsfreeze-thaw": 1,
    "guest-exec": {"pid": 1},
    "guest-exec-status": {"exited": True, "exitcode": 0, "out-data": "", "err-data": ""},
    "guest-file-open": 3,
    "guest-file-read": {"buf-b64": "", "eof": True},
    "guest-file-close": {},
}  # fmt: skip
AGENT_TOOLS = [
    "info -g {}",
    "ga {} info --json",
    "ga {} exec -n x",
    "ga {} get /x -",
    "ga {} status",
    "ga {} freeze",
    "ga {} thaw",
]


@pytest.mark.parametrize("tool", AGENT_TOOLS)
def test_guest_agents(tmp_path: Path, tool: str, capsys: pytest.CaptureFixture[str]) -> None:
    answers = dict(AGENT)
    words = tool.format(tmp_path / "ga").split()
    count = 0
    with FakeAgent(tmp_path / "ga", answers) as agent:
        main(words)
        for command in list(dict.fromkeys(name for name, _ in agent.seen)):
            for odd in ODD[1:]:  # None means no answer there
                for answer in odd_answers(AGENT[command], odd):
                    count += 1
                    if count % 7:
                        continue
                    answers[command] = answer
                    status = main(words)
                    err = capsys.readouterr().err
                    assert status != 70, (command, answer, err)
                    assert "internal" not in err, (command, answer, err)
            answers[command] = AGENT[command]


@pytest.mark.parametrize(
    ("end", "status", "note"),
    [
        ({"exitcode": 0}, 0, ""),
        ({"exitcode": 255}, 255, ""),
        ({"exitcode": 256}, 255, "the program's exit code is 256"),
        ({"exitcode": 512}, 255, "the program's exit code is 512"),
        ({"exitcode": -256}, 255, "the program's exit code is -256"),
        ({"exitcode": 0xC0000000}, 255, "the program's exit code is 3221225472"),
        ({}, 255, "the agent returned neither an exit code nor a signal"),
        ({"signal": 11}, 139, ""),
        ({"signal": 9, "exitcode": 0}, 137, ""),
        ({"signal": 0, "exitcode": 3}, 3, ""),
        ({"signal": -128}, 255, ""),
        ({"signal": 0xC0000005}, 255, ""),
    ],
    ids=str,
)
def test_how_a_program_ended(
    tmp_path: Path, end: Any, status: int, note: str, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = {**AGENT, "guest-exec-status": {"exited": True, **end}}
    with FakeAgent(tmp_path / "ga", answers) as agent:
        assert main(["ga", agent.address, "exec", "-n", "x"]) == status
    assert capsys.readouterr().err == (f"qmpeer ga: {note}\n" if note else "")
