"""The settings of a test: what its marks, and pytest's configuration, say."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from qmpeer.testing.settings import Settings, own_recording


def item(*marks: pytest.Mark, name: str = "test_it", **ini: str) -> Any:
    """Return a test as `Settings` sees it; the closest mark is the first one."""
    config = SimpleNamespace(
        getini=lambda name: ini.get(name, ""),
        getoption=lambda name: None,
        rootpath=Path("/project"),
    )
    return SimpleNamespace(
        config=config,
        iter_markers=lambda name: iter(marks),
        get_closest_marker=lambda name: None,
        path=Path("/project/tests/test_vm.py"),
        name=name,
        listchain=list,
    )


def mark(*args: object, **options: object) -> pytest.Mark:
    return pytest.mark.qmp(*args, **options).mark


def test_the_closest_mark_wins() -> None:
    settings = Settings(item(mark(many=True), mark(many=False, seed=1, allow_unmet=True)))
    assert settings.script_options() == {"many": True, "seed": 1}
    assert settings.waivers() == {"allow_unexpected": False, "allow_unmet": True}


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (mark(sceham="a"), "mark qmp: found the option sceham, expected schema"),
        (mark(x=1), "mark qmp: found the option x, expected one of allow_leaks, "),
        (mark("a"), "mark qmp: found 'a', expected options, such as many=True"),
    ],
    ids=["misspelt", "unknown", "a word"],
)
def test_a_mistake(found: pytest.Mark, text: str) -> None:
    with pytest.raises(pytest.fail.Exception) as failed:
        Settings(item(found))
    assert str(failed.value).startswith(text)


def test_about_leaks() -> None:
    assert Settings(item()).about_leaks == "error"
    assert Settings(item(qmp_leaks="warn")).about_leaks == "warn"
    assert Settings(item(mark(allow_leaks=True), qmp_leaks="warn")).about_leaks == "off"
    with pytest.raises(pytest.fail.Exception, match="found 'maybe', expected error, warn or off"):
        Settings(item(qmp_leaks="maybe")).about_leaks  # noqa: B018 - it raises


def test_a_schema(tmp_path: Path) -> None:
    assert Settings(item(qmp_schema="installed")).script_options() == {"schema": "installed"}
    assert Settings(item(mark(schema=None), qmp_schema="installed")).script_options() == {
        "schema": None
    }


def test_qemu() -> None:
    settings = Settings(item(qmp_qemu="qemu-system-aarch64"))
    assert settings.qemu_options() == {"program": "qemu-system-aarch64"}
    settings = Settings(item(mark(options=["-S"]), qmp_qemu_options=["-nodefaults"]))  # type: ignore[arg-type]  # a list of words
    assert settings.qemu_options() == {"options": ["-S"]}


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("test_it", "test_it.txt"),
        ("test_it[a/b\n]", "test_it[a-b-].txt"),
    ],
)
def test_the_own_recording(name: str, file: str) -> None:
    expected = Path("/project/tests/recordings/test_vm") / file
    assert own_recording(item(name=name)) == expected
