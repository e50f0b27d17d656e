"""``qmpeer proxy --status``: the table, JSON, following, disconnecting; on a real QEMU.

Modules: live_page, proxy_command, proxy_process, proxy_status, proxy_text.
"""

import json
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from qmpeer import CommandError
from qmpeer.cli import proxy_status
from qmpeer.cli.main import main
from qmpeer.cli.proxy_text import status_lines
from qmpeer.display.layout import Layout
from tests.cli.programs import Ended, Start, at_terminal, run_here
from tests.cli.scripted_server import Scripted
from tests.patience import PATIENCE
from tests.qemu import BASE, QEMU

SERVER = {
    "address": "unix:/run/vm.qmp", "state": "ready", "seconds": 6840,
    "version": {"qemu": {"major": 7, "minor": 2, "micro": 22}, "package": ""},
    "oob": True, "connections": 1, "window": 4, "in-flight": 1, "queued": 2,
    "oldest": {"name": "query-block", "oob": False, "sent": True, "seconds": 0.31},
    "commands": 412, "replies": 411, "errors": 3, "events": 20, "received": 1_300_000,
    "sent": 31_744,
}  # fmt: skip
CLIENT = {
    "number": 1, "listener": "compat_monitor0", "pid": 812, "uid": 0, "gid": 0,
    "process": "libvirtd", "seconds": 6900, "state": "ready", "oob": True, "commands": 12345,
    "answered": 12345, "refused": 2, "unread": 0, "queued": 0, "in-flight": 0, "events": 20,
    "withheld": 0, "received": 28_672, "sent": 1_258_291, "unsent": 0,
}  # fmt: skip
DROPS = {
    "clients": 1, "gone": {"left": 0, "unread": 0, "memory": 0, "disconnected": 0},
    "commands": 0, "replies": 0, "late": 0,
}  # fmt: skip


def shown(*clients: dict[str, Any], width: int = 80, **changes: Any) -> list[str]:
    """The lines for a proxy whose facts differ from those above."""
    server = SERVER | changes.pop("server", {})
    rows = [CLIENT | {"number": n} | client for n, client in enumerate(clients, 1)]
    policy = changes.pop("policy", None)
    names = {0: "root", 977: "al"}.__getitem__
    return list(status_lines(server, rows, DROPS | changes, Layout(width), names, policy))


def test_the_server() -> None:
    assert shown() == [
        "server   unix:/run/vm.qmp: QEMU 7.2.22, ready for 1.9 h",
        "now      in flight 1, the oldest query-block 0.3 s; queued 2",
        "so far   commands 412, errors 3, events 20, received 1.2 MiB, sent 31 KiB",
        "gone     0 of 1 clients",
        "",
        "no clients",
    ]


@pytest.mark.parametrize(
    ("is_dry_run", "denied"), [(False, "denied 7"), (True, "would have denied 7")]
)
def test_a_policy(is_dry_run: bool, denied: str) -> None:
    policy = {"file": "/etc/vm.toml", "rules": 12, "dry-run": is_dry_run, "denied": 7}
    assert shown(policy=policy)[1] == f"policy   /etc/vm.toml: 12 rules, {denied}"


def test_a_server_that_was_lost_and_what_was_dropped() -> None:
    gone = {"left": 3, "unread": 1, "memory": 0, "disconnected": 2}
    lost = {"state": "lost", "last-loss": {"reason": "it closed", "seconds": 75}, "in-flight": 0}
    server = {**lost, "last-failure": "No such file or directory"}
    assert [
        line
        for line in shown(server=server, clients=9, gone=gone, commands=4, replies=2, late=1)
        if not line.startswith(("now", "so far"))
    ] == [
        "server   unix:/run/vm.qmp: QEMU 7.2.22, lost for 1.9 h",
        "lost     1.2 min ago: it closed",
        "failed   No such file or directory",
        "gone     6 of 9 clients: 3 left, 1 didn't read, 2 disconnected",
        "dropped  commands 4, replies 2 (their clients had left), late replies 1",
        "",
        "no clients",
    ]


COMMAND = {"name": "human-monitor-command", "oob": False, "sent": True, "seconds": 75}


def test_clients_at_80_columns() -> None:
    odd = {"process": 'root 1\x1b[31m"', "uid": 977, "pid": 4711}
    lines = shown(
        {},
        {"waits-for": COMMAND, "commands": 5, "answered": 1, "in-flight": 1, "queued": 3},
        odd | {"state": "greeted", "seconds": 4.21, "events": 0},
        {"unsent": 5_000_000, "unread": 53, "listener": "tls", "certificate": "C=GB,CN=laptop"},
    )
    assert lines[5:] == [
        "#  client                      for   cmds  events  waits for",
        "1  root 812 libvirtd         1.9 h  12345      20",
        "2  root 812 libvirtd         1.9 h      5      20  human-monitor-command 1.2 mi…",
        r'3  al 4711 "root 1\u001b[3…  4.2 s  12345       0  negotiation',
        "4  C=GB,CN=laptop root 812…  1.9 h  12345      20  4.8 MiB unread, +53",
    ]


def test_the_example_in_the_help() -> None:
    one: dict[str, Any] = {"commands": 400, "answered": 399, "waits-for": SERVER["oldest"]}
    two = {"number": 11, "uid": 977, "pid": 977, "process": "python3", "seconds": 4.2}
    two |= {"commands": 5, "answered": 2, "events": 0}
    gone = {"left": 8, "unread": 1}
    lines = shown(one, two, server={"queued": 0}, clients=11, gone=gone)
    assert "\n".join("  " + line if line else "" for line in lines) in proxy_status._AFTER


def test_the_columns_that_are_shown() -> None:
    heads = {width: shown({}, {"listener": "b"}, width=width)[5].split() for width in (40, 80, 200)}
    assert heads[40] == ["#", "client", "for"]
    assert heads[80] == ["#", "client", "for", "cmds", "events", "waits", "for"]
    everything = ["#", "client", "listener", "for", "cmds", "errors", "events", "in", "out"]
    assert heads[200] == [*everything, "waits", "for"]
    assert "listener" not in shown({}, {}, width=200)[5]


def test_listeners_are_shown_without_folders_that_tell_nothing() -> None:
    both = ({"listener": "unix:/run/a.qmp"}, {"listener": "tcp:127.0.0.1:4"})
    assert [line.split()[4] for line in shown(*both, width=200)[6:]] == ["a.qmp", "tcp:127.0.0.1:4"]
    same = ({"listener": "unix:/run/1/q"}, {"listener": "unix:/run/2/q"})
    assert [line.split()[4] for line in shown(*same, width=200)[6:]] == [
        "unix:/run/1/q", "unix:/run/2/q",
    ]  # fmt: skip


def test_help_explains_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["proxy", "--status", "--help"]) == 0
    assert "The columns: cmds are" in capsys.readouterr().out


def test_a_command_may_have_the_same_options(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["proxy", "./nobody", "-qmp", "stdio", "--", "other", "--status", "x"]) == 2
    assert "nobody: No such file or directory" in capsys.readouterr().err


@pytest.mark.parametrize("width", [20, 40, 60, 79, 80, 100, 133])
def test_no_line_is_too_long(width: int) -> None:
    client = {"waits-for": COMMAND | {"sent": False}, "listener": "x" * 40, "commands": 10**9}
    assert (
        max(map(len, shown(client, {"listener": "y"}, {"address": "z" * 99}, width=width))) <= width
    )


@pytest.mark.parametrize(
    ("client", "text"),
    [
        ({"state": "connected"}, "the greeting"),
        ({"state": "greeted"}, "negotiation"),
        ({}, ""),
        ({"waits-for": COMMAND, "commands": 1, "answered": 0}, "human-monitor-command 1.2 min"),
        (
            {"waits-for": COMMAND | {"sent": False}, "commands": 9, "answered": 0, "unread": 2},
            "human-monitor-command 1.2 min, queued, +10",
        ),
        ({"unsent": 2048}, "2 KiB unread"),
    ],
)
def test_what_a_client_waits_for(client: dict[str, Any], text: str) -> None:
    head, row = shown(client, width=200)[5:]
    assert row[head.index("waits") :] == text


ANSWERS = {"query-server": SERVER, "query-clients": [CLIENT], "query-drops": DROPS}


def test_json(tmp_path: Path) -> None:
    with Scripted(tmp_path / "c", ANSWERS) as server:
        ended = run_here("proxy", "--status", server.address, "--json")
        assert (ended.status, ended.err) == (0, b"")
        assert json.loads(ended.out) == {"server": SERVER, "clients": [CLIENT], "drops": DROPS}
        words = ["proxy", "--json", "--follow", "--count", "3", "--interval", "0.01"]
        lines = run_here(*words, f"--status={server.address}").out.splitlines()
        assert [json.loads(line)["server"] for line in lines] == [SERVER] * 3


def test_users_have_names_on_this_host_only(tmp_path: Path) -> None:
    def unknown(number: int) -> object:
        raise KeyError(number)

    words = ["proxy", "--status"]
    with Scripted(tmp_path / "c", ANSWERS) as server:
        assert b"root 812 libvirtd" in run_here(*words, server.address).out
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("qmpeer.cli.proxy_status.pwd.getpwuid", unknown)
            assert b"uid 0 812 libvirtd" in run_here(*words, server.address).out


def test_a_line_for_each_change(tmp_path: Path) -> None:
    """Into a pipe: first the table, then the changes."""
    with Scripted(tmp_path / "c", ANSWERS) as server:
        peer = {"number": 2, "listener": "mon", "pid": 7, "uid": 0, "process": "a\nb"}
        changes: list[tuple[str, dict[str, Any]]] = [
            ("CLIENT_CONNECTED", peer),
            ("CLIENT_GONE", {"number": 2, "reason": "unread", "seconds": 4.2}),
            ("SERVER_LOST", {"reason": "the server closed the connection"}),
            ("SERVER_READY", {"connections": 2}),
            ("SOMETHING_NEW", {}),
        ]

        def emit() -> dict[str, Any]:
            for change in changes:
                server.emit(*change)
            return DROPS

        server.answers["query-drops"] = emit
        words = ["--follow", "--count", str(len(changes))]
        ended = run_here("proxy", "--status", server.address, *words)
        assert ended.out.decode().splitlines()[-len(changes) :] == [
            r'client 2 at mon: root 7 "a\u000ab"',
            "client 2 is gone after 4.2 s: didn't read",
            "the server is lost: the server closed the connection",
            "the server is ready, connection 2",
            "SOMETHING_NEW",
        ]


def heads(server: Scripted) -> int:
    """How often the first line is on a terminal's screen after three updates."""
    words = ["proxy", "--status", server.address, "--follow", "--count", "3", "--interval", "0.01"]
    found = at_terminal(*words)
    assert found.status == 0
    return sum(line.startswith("server   unix:") for line in found.lines)


def test_redrawn_at_a_terminal(tmp_path: Path) -> None:
    with Scripted(tmp_path / "c", ANSWERS) as server:
        assert heads(server) == 1


@pytest.mark.usefixtures("no_rich")
def test_at_a_terminal_without_rich(tmp_path: Path) -> None:
    with Scripted(tmp_path / "c", ANSWERS) as server:
        assert heads(server) == 3


def test_an_event_shows_the_next_page_early(tmp_path: Path) -> None:
    with Scripted(tmp_path / "c", ANSWERS) as server:
        pages = iter([DROPS, DROPS])

        def emit() -> dict[str, Any]:
            server.emit("CLIENT_GONE", {"number": 2, "reason": "left", "seconds": 1})
            return next(pages)

        server.answers["query-drops"] = emit
        words = ["--status", server.address, "--follow", "--count", "2", "--interval", "1000"]
        assert run_here("proxy", "--json", *words).out.count(b"\n") == 2


@pytest.mark.parametrize(
    ("words", "status", "reason"),
    [
        ("--status", 2, "argument --status: expected one argument"),
        ("--status c vm", 2, "unrecognized arguments: vm"),
        (
            "--status c --disconnect x",
            2,
            "argument --disconnect: found 'x', expected the number of a client",
        ),
        ("--status c --disconnect 0", 2, "argument --disconnect: found '0', expected the number"),
        ("--status c --disconnect 1 --follow", 2, "argument --follow: not allowed with"),
        ("--status c --count 2", 2, "found --count or --interval, expected --follow, too"),
        ("--status c --timeout 0", 2, "argument --timeout: invalid seconds value: '0'"),
        ("--status tcp:x", 2, "found 'x', expected HOST:PORT"),
        ("--status ./nobody", 3, "unix:./nobody: No such file or directory"),
        ("--follow", 2, "--follow: it belongs to --status ADDRESS, which isn't there"),
        ("vm --qemu x", 2, "--qemu: it belongs to --install-emulator FILE, which isn't there"),
    ],
)
def test_what_is_wrong(
    words: str, status: int, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["proxy", *words.split()]) == status
    assert capsys.readouterr().err.startswith(f"qmpeer proxy: {reason}")


def test_something_else_at_the_address(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Scripted(tmp_path / "c", {}) as server:
        assert main(["proxy", "--status", server.address]) == 1
    reason = "another QMP server listens there, expected a proxy's --control ADDRESS"
    assert capsys.readouterr().err == f"qmpeer proxy: found no command query-server: {reason}\n"


def test_disconnecting_in_vain(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    refusal = CommandError("GenericError", "Client 9 not found")
    with Scripted(tmp_path / "c", {"disconnect-client": refusal}) as server:
        assert main(["proxy", "--status", server.address, "--disconnect", "9"]) == 1
        assert capsys.readouterr().err == "qmpeer proxy: GenericError: Client 9 not found\n"
        server.answers["disconnect-client"] = {}
        words = ["--disconnect", "9", "--timeout", "0.05"]
        assert main(["proxy", "--status", server.address, *words]) == 3
    assert capsys.readouterr().err == "qmpeer proxy: client 9 isn't gone after 0.05 s\n"


# A real machine


class Proxied(NamedTuple):
    """A real QEMU, and a proxy with the sockets "all" for clients and "c" for control."""

    folder: Path
    qemu: "subprocess.Popen[bytes]"

    def connect(self, *commands: str) -> socket.socket:
        """Return a connected client that sends commands and reads nothing."""
        client = socket.socket(socket.AF_UNIX)
        client.connect(str(self.folder / "all"))
        for name in ("qmp_capabilities", *commands):
            client.sendall(json.dumps({"execute": name}).encode())
        return client

    def status(self, *words: str) -> Ended:
        return run_here("proxy", "--status", f"{self.folder}/c", *words)

    def until(self, is_so: Callable[[list[Any]], object]) -> None:
        """Wait until a condition holds for the clients."""
        end = time.monotonic() + PATIENCE
        while not is_so(json.loads(self.status("--json").out)["clients"]):
            assert time.monotonic() < end


@pytest.fixture
def proxied(program: Callable[[str], str], start: Start, tmp_path: Path) -> Proxied:
    qemu = start(
        [program(QEMU), *BASE, "-qmp", f"unix:{tmp_path}/vm,server=on,wait=off"],
        listens_at=tmp_path / "vm",
    )
    clients = ["-qmp", f"unix:{tmp_path}/all,server=on,wait=off", "--control", f"{tmp_path}/c"]
    argv = [sys.executable, "-m", "qmpeer", "proxy", f"{tmp_path}/vm", *clients]
    start(argv, listens_at=tmp_path / "all")
    return Proxied(tmp_path, qemu)


@pytest.mark.real
def test_a_real_machine_with_three_clients(proxied: Proxied) -> None:
    """An idle one, one that doesn't read, and one with a command at a machine that is stopped."""
    with (
        proxied.connect(),
        proxied.connect(*["query-qmp-schema"] * 40),
        proxied.connect() as busy,
    ):
        proxied.until(
            lambda clients: (
                len(clients) == 3 and clients[1]["unsent"] and "waits-for" not in clients[1]
            )
        )
        proxied.qemu.send_signal(signal.SIGSTOP)
        busy.sendall(b'{"execute": "query-block"}' * 3)
        proxied.until(lambda clients: "waits-for" in clients[2])
        screen = at_terminal("proxy", "--status", f"{proxied.folder}/c")
        assert screen.status == 0
        assert screen.lines[0].startswith("server   unix:/")
        assert "the oldest query-block " in screen.text
        head, idle, deaf, waiting = screen.lines[screen.lines.index("") + 1 :]
        assert head.split() == ["#", "client", "for", "cmds", "events", "waits", "for"]
        place = head.index("waits")
        assert idle[place:] == ""
        assert re.fullmatch(r"[0-9.]+ [KM]iB unread, \+[0-9]+", deaf[place:])
        assert re.fullmatch(r"query-block [0-9.]+ s, \+2", waiting[place:])
        assert proxied.status("--disconnect", "1").out == b"client 1 is disconnected\n"
        proxied.until(lambda clients: [each["number"] for each in clients] == [2, 3])
        proxied.qemu.send_signal(signal.SIGCONT)
        proxied.until(lambda clients: clients[1]["answered"] == 3)
