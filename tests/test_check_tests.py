"""The check that every module is covered by its own room's tests."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from scripts.check_tests import Files, faults

SOURCES: Mapping[str, str] = {
    "qmpeer/errors.py": "",
    "qmpeer/wire/__init__.py": "from qmpeer.wire.reader import Reader",
    "qmpeer/wire/reader.py": "from qmpeer.wire.lexer import tokens\nclass Reader: ...",
    "qmpeer/wire/lexer.py": "from qmpeer.wire import characters",
    "qmpeer/wire/characters.py": "",
    "qmpeer/wire/writer.py": "",
}
COVERED: Mapping[str, str] = {
    "tests/test_errors.py": "",
    "tests/wire/test_reader.py": "",
    "tests/wire/test_writer.py": '"""Writing.\n\nModules: characters.\n"""',
}
NO_READER: Mapping[str, str | None] = {"tests/wire/test_reader.py": None}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({}, [], id="all is covered"),
        pytest.param(
            {"tests/test_errors.py": None},
            ["module qmpeer.errors has no tests/test_errors.py"],
            id="outside of rooms",
        ),
        pytest.param(
            {"tests/wire/test_reader.py": None, "tests/wire/test_writer.py": None},
            ["room wire has no tests in tests/wire/"],
            id="room without tests",
        ),
        pytest.param(
            {"tests/wire/test_writer.py": None, "tests/wire/test_lexer.py": ""},
            ["module qmpeer.wire.writer is covered by no test in tests/wire/"],
            id="module that nothing names",
        ),
        pytest.param(
            {"tests/wire/test_writer.py": ""},
            ["module qmpeer.wire.characters is covered by no test in tests/wire/"],
            id="part of a part",
        ),
        pytest.param(
            {**NO_READER, "tests/wire/test_all.py": "from qmpeer.wire import Reader"},
            [],
            id="name that the package hands out",
        ),
        pytest.param(
            {
                **NO_READER,
                "tests/wire/test_all.py": "def test():\n  if 1:\n    import qmpeer.wire.reader",
            },
            [],
            id="import within a function",
        ),
        pytest.param(
            {
                "tests/wire/test_reader.py": None,
                "tests/wire/test_all.py": "from tests.helping import made",
                "tests/helping.py": "from qmpeer.wire.reader import Reader",
            },
            [],
            id="helper of the tests",
        ),
        pytest.param(
            {**NO_READER, "tests/other/test_reader.py": "import qmpeer.wire.reader"},
            [
                "module qmpeer.wire.lexer is covered by no test in tests/wire/",
                "module qmpeer.wire.reader is covered by no test in tests/wire/",
            ],
            id="tests of another room",
        ),
        pytest.param(
            {"tests/wire/test_writer.py": '"""Modules: characters, gone,\n    lost.\n"""'},
            [
                "tests.wire.test_writer says that it tests qmpeer.wire.gone, which isn't there",
                "tests.wire.test_writer says that it tests qmpeer.wire.lost, which isn't there",
            ],
            id="docstring that is out of date",
        ),
    ],
)
def test_what_is_named(
    changes: Mapping[str, str | None], expected: list[str], tmp_path: Path
) -> None:
    for name, text in {**SOURCES, **COVERED, **changes}.items():
        if text is not None:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    assert list(faults(Files(tmp_path, "qmpeer"), Files(tmp_path, "tests"))) == expected
