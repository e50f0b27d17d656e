"""``qmpeer bindings``, through its entry point: the file that it writes, and its content."""

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from qmpeer.schema import introspection_hash
from tests.cli.programs import run_here
from tests.corpus import SMALL, recorded_introspection

NOW = str(SMALL / "replies" / "caps_small-9.2.replies")

Import = Callable[[str], ModuleType]


@pytest.fixture
def module_of(monkeypatch: pytest.MonkeyPatch) -> Import:
    """Return a function that imports a module from its text."""

    def load(text: str) -> ModuleType:
        module = ModuleType("made_by_the_command")
        monkeypatch.setitem(sys.modules, module.__name__, module)  # annotations are resolved there
        exec(text, module.__dict__)
        return module

    return load


def test_to_standard_output(module_of: Import) -> None:
    done = run_here("bindings", "--from", NOW)
    assert (done.status, done.err) == (0, b"")
    output = done.out.decode()
    assert "caps_small-9.2.replies" in output
    assert NOW not in output  # the source's folder must not get into the module
    q = module_of(output)
    assert introspection_hash(recorded_introspection("small-9.2")) == q.SCHEMA_HASH
    assert q.stop_now().name == "stop-now"


def test_to_a_file_and_into_a_folder(tmp_path: Path) -> None:
    for place in (tmp_path / "vm.py", tmp_path):
        assert run_here("bindings", "--from", NOW, "-o", str(place)) == (0, b"", b"")
    text = (tmp_path / "vm.py").read_bytes()
    assert (tmp_path / "qmp_bindings.py").read_bytes() == text
    assert b"\r" not in text


def test_some_commands_only(module_of: Import) -> None:
    done = run_here("bindings", "--from", NOW, "--only", "stop-now", "STOPPED")
    assert done.status == 0
    q = module_of(done.out.decode())
    assert q.stop_now().name == "stop-now"
    assert q.STOPPED.name == "STOPPED"
    assert not hasattr(q, "play")


@pytest.mark.parametrize(
    ("words", "status", "expected"),
    [
        ([], 2, "--from"),
        (["--from", NOW, "--only", "("], 2, "--only: "),
        (["--from", NOW, "-o", "none/vm.py"], 2, "none/vm.py: No such file or directory"),
        (["--from", "none.json"], 3, "none.json: No such file or directory"),
        (["--from", "hello"], 1, "hello:1:1: found 'hello'"),
        (["--from", "tcp:"], 2, "found '', expected HOST:PORT"),
    ],
    ids=lambda value: " ".join(value).replace(NOW, "NOW") if type(value) is list else "",
)
def test_mistakes(
    words: list[str],
    status: int,
    expected: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hello").write_text("hello\n")
    done = run_here("bindings", *words)
    assert (done.status, done.out) == (status, b"")
    assert expected in done.err.decode()
