"""Eight clients, five of them of others, at once on a real QEMU: each gets what it gets alone.

Modules: door, hub, known_answers, multiplexer, proxy, server_connection, session.
"""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from qmpeer import Client
from tests.interop.judged_peers import NPM_FOLDER, node_modules
from tests.listening import until_listening
from tests.patience import PATIENCE
from tests.proxy.peers import PEERS
from tests.qemu import BASE, QEMU

pytestmark = pytest.mark.real

ROOT = Path(__file__).parents[2]
QEMU_10 = ROOT / "build" / "qemu10" / "bin" / QEMU
OF_NODE = ("node-qemu", "npm qemu-qmp")
OF_OTHERS = {"qemu-qmp": "qemu", "legacy": "qemu", "qmp-shell": "qemu", "qmp-1.1": "qmp"}
EVENTS = ("STOP", "RESUME")


def _missing(name: str) -> str:
    """Return why a client can't run here; "" if it can."""
    if name in OF_NODE:
        return node_modules()
    return "" if find_spec(OF_OTHERS.get(name, "qmpeer")) else f"{name} isn't installed"


@contextlib.contextmanager
def _running(command: list[str], folder: Path) -> Iterator["subprocess.Popen[str]"]:
    env = {
        **os.environ,
        "HOME": str(folder),
        "NODE_PATH": str(NPM_FOLDER / "node_modules"),
        "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}",
    }
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, env=env, cwd=folder
    ) as process:
        try:
            yield process
        finally:
            process.terminate()


@pytest.fixture
def qemu(
    program: Callable[[str], str], tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Path]:
    """Start a QEMU with two monitors, one of them for the events; return the folder of both."""
    path = getattr(request, "param", None) or program(QEMU)
    if not Path(path).exists():
        pytest.skip(f"{path} is missing: run make build/qemu10/bin")
    monitors: list[str] = []
    for name in ("qmp", "second"):
        monitors += ["-qmp", f"unix:{tmp_path}/{name},server=on,wait=off"]
    with _running([path, *BASE, *monitors], tmp_path) as process:
        for name in ("qmp", "second"):
            until_listening(tmp_path / name, process)
        yield tmp_path


@pytest.fixture
def proxy(qemu: Path) -> Callable[[], contextlib.AbstractContextManager[str]]:
    """Return a function that starts a proxy in front of the first monitor."""

    @contextlib.contextmanager
    def start() -> Iterator[str]:
        path = qemu / "proxy"
        command = [sys.executable, "-m", "qmpeer", "proxy", str(qemu / "qmp")]
        options = ["-qmp", f"unix:{path},server=on,wait=off"]
        with _running([*command, *options], qemu) as process:
            until_listening(path, process)
            yield str(path)

    return start


def _ask(names: list[str], path: str, folder: Path, rounds: int, events: int) -> dict[str, Any]:
    """Run clients at once, and let events happen when all are there; return what each got."""
    with contextlib.ExitStack() as stack:
        running = {}
        for name in names:
            program = ["node", str(ROOT / "tests" / "proxy" / "peers.cjs")]
            if name not in OF_NODE:
                program = [sys.executable, "-m", "tests.proxy.peers"]
            command = [*program, name, path, str(rounds), str(events)]
            running[name] = stack.enter_context(_running(command, folder))
        for name, process in running.items():
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n", name
        with Client.connect(folder / "second", timeout=PATIENCE) as vm:
            for _ in range(events // 2):
                vm.execute("stop")
                vm.execute("cont")
        got = {}
        for name, process in running.items():
            output, _ = process.communicate(timeout=PATIENCE)
            assert process.returncode == 0, name
            got[name] = json.loads(output)
    return got


def _check(
    names: list[str],
    qemu: Path,
    proxy: Callable[[], contextlib.AbstractContextManager[str]],
    rounds: int,
) -> None:
    events = 2 * rounds
    alone: dict[str, Any] = {}
    for name in names:
        alone |= _ask([name], str(qemu / "qmp"), qemu, 1, events)
    with proxy() as path:
        at_once = _ask(names, path, qemu, rounds, events)
    for name in names:
        assert at_once[name] == alone[name], name
        assert at_once[name]["events"] == [*EVENTS] * rounds
        assert all(len(values) == 1 for values in at_once[name]["answers"].values())


def test_both_of_ours_and_another(
    qemu: Path, proxy: Callable[[], contextlib.AbstractContextManager[str]]
) -> None:
    names = ["AsyncClient", *(["qmp-1.1"] if not _missing("qmp-1.1") else [])]
    _check(names, qemu, proxy, 2)


@pytest.mark.slow
@pytest.mark.parametrize("qemu", [None, str(QEMU_10)], ids=["installed", "10"], indirect=True)
def test_eight_clients_at_once(
    qemu: Path, proxy: Callable[[], contextlib.AbstractContextManager[str]]
) -> None:
    names = [*PEERS, *OF_NODE]
    for name in names:
        if reason := _missing(name):
            pytest.skip(reason)
    _check(names, qemu, proxy, 25)
