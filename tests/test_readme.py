"""The README tells the truth: its commands and its Python are run, and print what stands there."""

import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from qmpeer import Client
from tests.patience import PATIENCE

README = Path(__file__).parent.parent / "README.md"
BLOCKS = re.findall(r"```(\w*)\n(.*?)```", README.read_text(), re.DOTALL)


def block(language: str, containing: str) -> tuple[str, str]:
    """Return the block that holds a text, and the block behind it."""
    for index, (kind, text) in enumerate(BLOCKS):
        if kind == language and containing in text:
            return text, BLOCKS[index + 1][1] if index + 1 < len(BLOCKS) else ""
    raise AssertionError(f"the README has no {language} block with {containing!r}")


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """Start what the README starts first, on a port of its own."""
    console, _ = block("console", "qmpeer serve")
    command = re.findall(r"^\$ qmpeer (serve .*) &$", console, re.MULTILINE)[0]
    argv = command.replace("localhost:4444", "127.0.0.1:0").split()
    control, theirs = socket.socketpair()
    with control, theirs:
        extra = ["-qmp", "stdio"]
        server = subprocess.Popen(
            [sys.executable, "-m", "qmpeer", *argv, *extra], stdin=theirs, stdout=theirs
        )
        try:
            with Client.connect(control, timeout=PATIENCE) as client:
                yield _port_of(client)
        finally:
            server.terminate()
            assert server.wait(PATIENCE) == 0


def _port_of(client: Client) -> int:
    for chardev in client.execute("query-chardev"):
        match = re.search(r"tcp:127\.0\.0\.1:(\d+)", chardev["filename"])
        if match:
            return int(match[1])
    raise AssertionError("no chardev listens on TCP")


def run_python(source: str, folder: Path | None = None) -> str:
    done = subprocess.run(
        [sys.executable, "-c", source],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
        cwd=folder,
    )
    assert done.stderr == ""
    return done.stdout


def test_the_first_forty_lines_hold_all_that_a_stranger_needs() -> None:
    head = "\n".join(README.read_text().splitlines()[:40])
    for what in (
        "Not for you",
        "make demo",
        "qmpeer serve",
        "Client.connect",
        "monitor.start",
        "08090a0b",
    ):
        assert what in head


def test_the_client_prints_what_the_readme_says(port: int) -> None:
    source, output = block("python", "vm.wait_event")
    assert run_python(source.replace("localhost:4444", f"127.0.0.1:{port}")) == output


def test_the_monitor_prints_what_the_readme_says(tmp_path: Path) -> None:
    source, output = block("python", "monitor.start")
    source = source.replace("tcp:localhost:5555", f"unix:{tmp_path}/m")
    assert run_python(source.replace("localhost:5555", f"unix:{tmp_path}/m")) == output


def test_the_greeting_is_the_one_in_the_readme(port: int) -> None:
    console, _ = block("console", "telnet")
    with Client.connect(f"127.0.0.1:{port}") as client:
        version = client.execute("query-version")
    assert f'"package": "{version["package"]}"' in console
    assert str(version["qemu"]).replace("'", '"') in console


def test_the_commands_print_what_the_readme_says(port: int, tmp_path: Path) -> None:
    console, _ = block("console", "query-name")
    assert_said(console, port, tmp_path)


def assert_said(console: str, port: int, folder: Path) -> None:
    """Run what a block shows, in a folder, and compare what is printed."""
    script = console.replace("localhost:4444", f"127.0.0.1:{port}")
    said = re.split(r"^\$ (.*)\n", script, flags=re.MULTILINE)[1:]
    python = f'qmpeer() {{ {sys.executable} -m qmpeer "$@"; }}\n'
    status = 0
    for command, output in zip(said[::2], said[1::2], strict=True):
        done = subprocess.run(
            ["sh", "-c", python + f"(exit {status}); {command}"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE,
            cwd=folder,
        )
        status = done.returncode
        assert done.stdout == output


def test_the_binding_is_made_and_used_as_the_readme_says(port: int, tmp_path: Path) -> None:
    console, _ = block("console", "qmpeer bindings")
    assert_said(console, port, tmp_path)
    source, output = block("python", "q.query_status")
    assert run_python(source.replace("localhost:4444", f"127.0.0.1:{port}"), tmp_path) == output
