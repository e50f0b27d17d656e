"""The schema of the QEMU that is installed, and its cache."""

import json
import os
import stat
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from qmpeer.errors import ConnectionClosed, SchemaError
from qmpeer.schema import Schema
from qmpeer.sources import load_schema
from qmpeer.sources.installed import find_program, installed_schema
from tests.corpus import recorded_introspection
from tests.qemu import QEMU

PROGRAM = f"""#!{sys.executable} -S
import socket, sys
with open(__file__ + ".starts", "a") as file:
    print(*sys.argv[1:], file=file)
option = next(each for each in sys.argv if "fd=" in each)
monitor = socket.socket(fileno=int(option.split("fd=")[1]))
monitor.sendall(b'{{"QMP": {{"version": {{"qemu": {{"micro": 0, "minor": 2, "major": 9}}, '
                b'"package": ""}}, "capabilities": []}}}}')
monitor.recv(65536)
monitor.sendall(b'{{"return": {{}}}}')
request = monitor.recv(65536)
number = request.split(b'"id":')[1].strip(b' }}\\r\\n')
answer = open(__file__ + ".answer", "rb").read()
monitor.sendall(b'{{"return": %b, "id": %b}}' % (answer, number))
monitor.recv(1)
"""


class Installed:
    """A program on a PATH of its own, with a cache of its own."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "bin" / "qemu-system-x86_64"
        self.path.parent.mkdir()
        self.path.write_text(PROGRAM, encoding="utf-8")
        self.path.chmod(0o755)
        self.cache = folder / "cache" / "qmpeer"
        self.environment = {
            "PATH": str(self.path.parent),
            "XDG_CACHE_HOME": str(self.cache.parent),
        }
        self.answer(recorded_introspection("small-9.2"))

    def answer(self, value: Any) -> None:
        Path(f"{self.path}.answer").write_text(json.dumps(value), encoding="utf-8")

    def schema(self, program: str = QEMU) -> Schema:
        return installed_schema(program, environment=self.environment)

    @property
    def starts(self) -> list[str]:
        return Path(f"{self.path}.starts").read_text(encoding="utf-8").splitlines()

    def on_path(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name, value in self.environment.items():
            monkeypatch.setenv(name, value)


@pytest.fixture
def installed(tmp_path: Path) -> Installed:
    return Installed(tmp_path)


def has(schema: Schema, command: str) -> bool:
    return any(each.name == command for each in schema.commands())


def test_it_is_asked_once_until_it_changes(installed: Installed) -> None:
    assert has(installed.schema(), "query-discs")
    assert has(installed.schema(), "query-discs")
    assert len(installed.starts) == 1
    assert installed.starts[0].startswith("-machine none,")
    (file,) = installed.cache.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(installed.cache.stat().st_mode) == 0o700
    os.utime(installed.path, (1, 1))
    assert has(installed.schema(), "query-discs")
    assert len(installed.starts) == 2
    assert [*installed.cache.iterdir()] == [file], "one file for each program"


def spoil_nothing(file: Path) -> None:
    file.unlink()


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:1000])


def write_other(file: Path) -> None:
    file.write_text('{"program": 5}', encoding="utf-8")


@pytest.mark.parametrize("spoil", [spoil_nothing, cut, write_other])
def test_a_damaged_cache_is_made_anew(spoil: Callable[[Path], None], installed: Installed) -> None:
    installed.schema()
    (file,) = installed.cache.iterdir()
    spoil(file)
    assert has(installed.schema(), "query-discs")
    installed.schema()
    assert len(installed.starts) == 2


def test_a_cache_that_others_may_write_is_left_alone(installed: Installed) -> None:
    installed.cache.mkdir(parents=True)
    installed.cache.chmod(0o777)
    assert has(installed.schema(), "query-discs")
    assert [*installed.cache.iterdir()] == []


def test_a_home_that_cant_be_written(installed: Installed) -> None:
    installed.cache.parent.write_text("", encoding="utf-8")
    assert has(installed.schema(), "query-discs")


def test_several_at_once(installed: Installed) -> None:
    found: list[Schema] = []
    threads = [threading.Thread(target=lambda: found.append(installed.schema())) for _ in range(2)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert [has(each, "query-discs") for each in found] == [True, True]
    assert len([*installed.cache.iterdir()]) == 1


def test_the_storage_daemon_has_options_of_its_own(installed: Installed) -> None:
    daemon = installed.path.with_name("qemu-storage-daemon")
    installed.path.rename(daemon)
    Path(f"{installed.path}.answer").rename(f"{daemon}.answer")
    assert has(installed.schema("qemu-storage-daemon"), "query-discs")
    starts = Path(f"{daemon}.starts").read_text(encoding="utf-8")
    assert starts.startswith("--chardev socket,")


def test_fakes_are_passed_over(tmp_path: Path) -> None:
    for name, text in {"a": "#!/bin/sh\nexec qmpeer fake-qemu", "b": "#!/bin/sh\nexit 3"}.items():
        path = tmp_path / name / QEMU
        path.parent.mkdir()
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755)
    both = f"{tmp_path / 'a'}{os.pathsep}{tmp_path / 'b'}"
    assert find_program(QEMU, both) == str(tmp_path / "b" / QEMU)
    with pytest.raises(FileNotFoundError, match=f"No such program: '{QEMU}'"):
        find_program(QEMU, str(tmp_path / "a"))


def test_a_program_that_ends_at_once(installed: Installed) -> None:
    installed.path.write_text("#!/bin/sh\necho no such machine >&2\nexit 1", encoding="utf-8")
    with pytest.raises(ConnectionClosed, match="no such machine"):
        installed.schema()


def test_an_answer_that_is_no_schema(installed: Installed) -> None:
    installed.answer([{"name": "stop"}])
    with pytest.raises(SchemaError, match="not an answer to query-qmp-schema"):
        installed.schema()


@pytest.mark.real
def test_a_real_qemu(program: Callable[[str], str], tmp_path: Path) -> None:
    environment = {"XDG_CACHE_HOME": str(tmp_path)}
    schema = installed_schema(program(QEMU), environment=environment)
    assert has(schema, "query-status")
    assert installed_schema(program(QEMU), environment=environment) == schema


def test_it_is_a_source_by_its_name(
    installed: Installed, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    installed.on_path(monkeypatch)
    monkeypatch.chdir(tmp_path)
    for source in ("installed", f"installed:{QEMU}", f"installed:{installed.path}"):
        assert has(load_schema(source), "query-discs")
    with pytest.raises(FileNotFoundError, match="qemu-system-nope"):
        load_schema("installed:qemu-system-nope")
    Path("installed").write_text("{ 'command': 'from-a-file' }", encoding="utf-8")
    assert has(load_schema("installed"), "from-a-file"), "a file of this name goes first"
