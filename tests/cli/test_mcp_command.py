"""``qmpeer mcp``: its command line, and a real machine for the SDK's client.

Modules: mcp_command, mcp_process.
"""

import asyncio
import json
import os
import signal
import stat
import subprocess
import sys
from base64 import b64decode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from qmpeer.cli.mcp_command import COMMAND
from qmpeer.display.pictures import png_size
from tests.cli.programs import run_here
from tests.corpus import MACHINE
from tests.listening import until_listening
from tests.patience import PATIENCE
from tests.qemu import QEMU

if TYPE_CHECKING:
    from mcp_types import CallToolResult

TOKEN = "abcdefghijklmnopqrstuvwxyz"
OURS = [sys.executable, "-m", "qmpeer"]
POLICY = """
[[rule]]
name = "never"
command = "quit"
verdict = "deny"

[[rule]]
name = "screen"
command = "screendump"
arguments.filename = { fd-set = true }

[[rule]]
name = "its file"
command = ["add-fd", "remove-fd"]
unchecked = true

[[rule]]
name = "snapshots"
command = ["snapshot-save", "snapshot-load", "snapshot-delete", "job-dismiss"]
unchecked = true

[[rule]]
preset = "operator"
"""


# The command line


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["a", "--http", "127.0.0.1:0"], "found --http without --token-file"),
        (["a", "--token-file", "t"], "found --token-file without --http"),
        (["a", "--insecure"], "found --insecure without --http"),
        (["a", "--allow-host", "b"], "found --allow-host without --http"),
        (["a", "--tools", "a b"], "--tools a b: found 'a b', expected the name"),
        (["a", "--policy", "none.toml"], "none.toml: No such file or directory"),
        (["a", "--policy", "readonly"], "readonly: found neither a file nor a preset, expected"),
        (["a", "--docs", "none.json"], "none.json: No such file or directory"),
        (["a", "--http", "127.0.0.1", "--token-file", "t"], "expected HOST:PORT"),
        (["a", "--http", "0.0.0.0:0", "--token-file", "t"], "expected 127.0.0.1 or [::1], or"),
        (["a", "--http", "127.0.0.1:0", "--token-file", "u"], "found mode 0644"),
        (["a", "--audit", "/nonexistent/a"], "/nonexistent/a: No such file or directory"),
        (["tcp:"], "expected"),
    ],
    ids=lambda words: " ".join(words) if isinstance(words, list) else "",
)
def test_mistakes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], expected: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, mode in (("t", 0o600), ("u", 0o644)):
        (tmp_path / name).write_text(TOKEN)
        os.chmod(tmp_path / name, mode)
    ended = run_here("mcp", *words, XDG_STATE_HOME=str(tmp_path))
    assert ended.status == 2
    assert expected in ended.err.decode()


def test_a_mistake_in_a_policy(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_text('[[rule]]\ncommand = "query-stats"\nverdict = "alow"\n')
    ended = run_here("mcp", "a", "--policy", str(path), XDG_STATE_HOME=str(tmp_path))
    assert ended.status == 2
    assert f"{path}:3:11" in ended.err.decode()


def test_an_extra_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mcp.server", None)
    monkeypatch.delitem(sys.modules, "qmpeer.cli.mcp_process", raising=False)
    for name in list(sys.modules):
        if name.startswith("qmpeer.mcp."):
            monkeypatch.delitem(sys.modules, name)
    ended = run_here("mcp", "a")
    assert (ended.status, b"pip install '.[mcp]'" in ended.err) == (3, True)


def test_help_imports_no_sdk() -> None:
    code = (
        "import sys; from qmpeer.cli.main import main; status = main([{words}]); "
        "print(status, [name for name in ('mcp', 'asyncio', 'uvicorn') if name in sys.modules])"
    )
    for words in ('"--help"', '"mcp", "--help"'):
        run = [sys.executable, "-c", code.format(words=words)]
        done = subprocess.run(run, capture_output=True, text=True, timeout=PATIENCE)
        assert done.stdout.endswith("\n0 []\n"), words


def test_the_default_record(tmp_path: Path) -> None:
    from qmpeer.cli.mcp_process import audit_path

    one, two = [
        audit_path(address, {"XDG_STATE_HOME": str(tmp_path)})
        for address in ("unix:/run/vm 1.qmp", "unix:/run/vm-1.qmp")
    ]
    assert one != two
    assert one.startswith(f"{tmp_path}/qmpeer/mcp/unix-run-vm-1-qmp-")
    assert stat.S_IMODE(os.stat(tmp_path / "qmpeer" / "mcp").st_mode) == 0o700


# The program


def kinds(path: Path) -> list[str]:
    return [json.loads(line)["what"] for line in path.read_text().splitlines()]


@pytest.mark.slow  # the SDK alone takes two seconds to start
def test_it_ends_with_its_input(tmp_path: Path) -> None:
    ended = subprocess.run(
        [*OURS, "mcp", f"{tmp_path}/none", "--audit", f"{tmp_path}/audit"],
        input="", capture_output=True, text=True, timeout=PATIENCE,
    )  # fmt: skip
    assert (ended.returncode, ended.stdout) == (0, "")
    assert "The machine can't be reached now: No such file or directory" in ended.stderr
    records = kinds(tmp_path / "audit")
    assert (records[0], records[-1]) == ("opened", "closed")


@pytest.mark.slow
def test_a_signal_ends_it_though_it_reads_its_input(tmp_path: Path) -> None:
    words = [*OURS, "mcp", f"{tmp_path}/none", "--audit", f"{tmp_path}/audit"]
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        assert "can't be reached now" in process.stderr.readline()
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
    assert kinds(tmp_path / "audit")[-1] == "closed"


async def test_a_signal_ends_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from qmpeer.cli import mcp_process

    said: asyncio.Queue[str] = asyncio.Queue()
    monkeypatch.setattr(mcp_process, "complain", lambda program, text: said.put_nowait(text))
    (tmp_path / "token").write_text(TOKEN)
    os.chmod(tmp_path / "token", 0o600)
    (tmp_path / "tried.toml").write_text("dry-run = true")
    words = [f"{tmp_path}/none", "--audit", f"{tmp_path}/audit", "--tools", "all"]
    words += ["--docs", str(MACHINE / "qapi-schema.json"), "--policy", f"{tmp_path}/tried.toml"]
    words += ["--http", "127.0.0.1:0", "--token-file", f"{tmp_path}/token"]
    running = asyncio.create_task(mcp_process.McpProcess(COMMAND.read(words)).run())
    async with asyncio.timeout(PATIENCE):
        assert "the assistant may do everything" in await said.get()
        assert "can't be reached now" in await said.get()
        assert (await said.get()).startswith("ready at http://127.0.0.1:")
        os.kill(os.getpid(), signal.SIGTERM)
        assert await running == 0
    assert kinds(tmp_path / "audit")[-1] == "closed"


@pytest.fixture
def machine(tmp_path: Path, program: Callable[[str], str]) -> Iterator[Path]:
    """Return the monitor of a QEMU with a disk and a screen."""
    disk, path = tmp_path / "disk.qcow2", tmp_path / "qmp"
    image = [program("qemu-img"), "create", "-q", "-f", "qcow2", str(disk), "16M"]
    subprocess.run(image, check=True)
    options = [
        "-machine", "pc", "-accel", "tcg", "-m", "32", "-nodefaults", "-display", "none",
        "-vga", "std", "-S", "-name", "guest",
        "-qmp", f"unix:{path},server=on,wait=off",
        "-blockdev", f"qcow2,node-name=disk,file.driver=file,file.filename={disk}",
        "-device", "virtio-blk,drive=disk",
    ]  # fmt: skip
    with subprocess.Popen([program(QEMU), *options], stderr=subprocess.DEVNULL) as process:
        until_listening(path, process)
        yield path
        process.kill()


def text_of(result: "CallToolResult") -> str:
    (content,) = result.content
    assert content.type == "text"
    return content.text


@pytest.mark.real
async def test_a_real_machine(machine: Path, tmp_path: Path) -> None:
    from mcp import Client
    from mcp.client.stdio import StdioServerParameters, stdio_client

    (tmp_path / "policy.toml").write_text(POLICY)
    words = ["--policy", f"{tmp_path}/policy.toml", "--audit", f"{tmp_path}/audit"]
    parameters = StdioServerParameters(
        command=OURS[0], args=[*OURS[1:], "mcp", str(machine), *words, "--tools", "query-status"]
    )
    # Its default for errlog is sys.stderr as it was at the import: perhaps that of another test.
    transport = stdio_client(parameters, errlog=sys.__stderr__ or sys.stderr)
    async with Client(transport) as client:

        async def call(tool: str, /, **arguments: Any) -> "CallToolResult":
            result: CallToolResult = await client.call_tool(tool, arguments)
            return result

        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert {"screen", "keys", "snapshot", "qmp_query-status"} <= tools.keys()
        facts = json.loads(text_of(await call("status")))
        assert (facts["kind"], facts["name"], facts["status"]) == ("machine", "guest", "prelaunch")

        (picture,) = (await call("screen")).content
        assert picture.type == "image"
        assert picture.mime_type == "image/png"
        assert png_size(b64decode(picture.data)) > (300, 200)
        (part,) = (await call("screen", region=[0, 0, 32, 16])).content
        assert part.type == "image"
        assert png_size(b64decode(part.data)) == (32, 16)

        saved = json.loads(text_of(await call("snapshot", action="save", name="first")))
        assert saved["done"] == "snapshot-save"
        (disk,) = json.loads(text_of(await call("snapshot", action="list")))["disks"]
        assert (disk["node"], disk["snapshots"][0]["name"]) == ("disk", "first")
        assert not (await call("snapshot", action="load", name="first")).is_error
        missing = await call("snapshot", action="load", name="second")
        assert (missing.is_error, "second" in text_of(missing)) == (True, True)
        (job,) = json.loads(text_of(await call("jobs")))["jobs"]
        assert (job["id"], job["status"]) == ("migration", "completed")  # the snapshot was one

        assert not (await call("execute", command="cont")).is_error
        assert "Typed." in text_of(await call("keys", text="ls\n", press=["ctrl-alt-delete"]))
        refused = await call("execute", command="quit")
        assert (refused.is_error, "denies quit: rule never" in text_of(refused)) == (True, True)
        path = str(tmp_path / "leak")
        leak = {"filename": path}
        assert (await call("execute", command="screendump", arguments=leak)).is_error
        assert not os.path.exists(path)
        events = json.loads(text_of(await call("events", since=0, names=["RESUME"])))
        assert events["events"]
    records = [json.loads(line) for line in (tmp_path / "audit").read_text().splitlines()]
    denied = [(each["command"], each.get("rule")) for each in records if each["what"] == "denied"]
    assert ("quit", "never") in denied
    assert "screendump" in [name for name, _ in denied]
