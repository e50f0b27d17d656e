"""``qmpeer bindings``, through its entry: where the module goes, and what is in it."""

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from qmpeer.cli.main import main
from qmpeer.schema import introspection_hash
from tests.corpus import SMALL, recorded_introspection

NOW = str(SMALL / "replies" / "caps_small-9.2.replies")

Capture = pytest.CaptureFixture[str]


Import = Callable[[str], ModuleType]


@pytest.fixture
def module_of(monkeypatch: pytest.MonkeyPatch) -> Import:
    """Return what imports a module from its text."""

    def load(text: str) -> ModuleType:
        module = ModuleType("made_by_the_command")
        monkeypatch.setitem(sys.modules, module.__name__, module)  # where annotations are looked up
        exec(text, module.__dict__)
        return module

    return load


def test_to_standard_output(module_of: Import, capsys: Capture) -> None:
    assert main(["bindings", "--from", NOW]) == 0
    output, errors = capsys.readouterr()
    assert errors == ""
    assert "caps_small-9.2.replies" in output
    assert NOW not in output  # where it lay is nobody's business
    q = module_of(output)
    assert introspection_hash(recorded_introspection("small-9.2")) == q.SCHEMA_HASH
    assert q.stop_now().name == "stop-now"


def test_to_a_file_and_into_a_folder(tmp_path: Path, capsys: Capture) -> None:
    assert main(["bindings", "--from", NOW, "-o", str(tmp_path / "vm.py")]) == 0
    assert main(["bindings", "--from", NOW, "-o", str(tmp_path)]) == 0
    assert capsys.readouterr() == ("", "")
    text = (tmp_path / "vm.py").read_bytes()
    assert (tmp_path / "qmp_bindings.py").read_bytes() == text
    assert b"\r" not in text


def test_some_commands_only(module_of: Import, capsys: Capture) -> None:
    assert main(["bindings", "--from", NOW, "--only", "stop-now", "STOPPED"]) == 0
    q = module_of(capsys.readouterr().out)
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
    capsys: Capture,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hello").write_text("hello\n")
    assert main(["bindings", *words]) == status
    output, errors = capsys.readouterr()
    assert output == ""
    assert expected in errors
