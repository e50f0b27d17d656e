"""The settings of one test: its marks, pytest's options, and the project's configuration."""

from pathlib import Path
from typing import Any, Final, Literal

import pytest

MARK: Final = "qmp"
RECORDING_MARK: Final = "qmp_recording"
_SERVER: Final = ("version", "package", "capabilities", "greeting", "pretty")
_OPTIONS: Final = (
    *_SERVER,
    "allow_leaks",
    "allow_unexpected",
    "allow_unmet",
    "deprecated",
    "many",
    "options",
    "schema",
    "seed",
)
"""The options of the mark, from all fixtures."""


class Settings:
    """The settings of one test.

    Args:
        item: The test.
    """

    def __init__(self, item: pytest.Item) -> None:
        self._item = item
        self._config = item.config
        self._marked: dict[str, Any] = {}
        for mark in reversed(list(item.iter_markers(MARK))):  # the closest one is last, and wins
            if mark.args:
                _fail(f"found {mark.args[0]!r}, expected options, such as many=True")
            for name in mark.kwargs:
                _check_option(name)
            self._marked |= mark.kwargs

    def _given(self, *names: str) -> dict[str, Any]:
        return {name: self._marked[name] for name in names if name in self._marked}

    def script_options(self) -> dict[str, Any]:
        """Return the options for a scripted server.

        A schema in a file is relative to the test's file in a mark, and to the project's root in
        its configuration.
        """
        options = self._given(*_SERVER, "deprecated", "many", "schema", "seed")
        if isinstance(schema := options.get("schema"), str):
            options["schema"] = _file_or_text(self._item.path.parent, schema)
        elif "schema" not in options and (schema := self._config.getini("qmp_schema")):
            options["schema"] = _file_or_text(self._config.rootpath, str(schema))
        return options

    def replay_options(self) -> dict[str, Any]:
        """Return the options for a replay's server."""
        return {**self._given("many"), **self.seed()}

    def seed(self) -> dict[str, Any]:
        """Return the seed of faults."""
        return self._given("seed")

    def machine_options(self) -> dict[str, Any]:
        """Return the options for a machine, or a QEMU."""
        return self._given("options", "seed")

    def qemu_options(self) -> dict[str, Any]:
        """Return the options for a real QEMU: the mark's, else the project's."""
        options = self.machine_options()
        if words := self._config.getini("qmp_qemu_options"):
            options.setdefault("options", words)
        if program := self._config.getoption("qmp_qemu") or self._config.getini("qmp_qemu"):
            options["program"] = str(program)
        return options

    def waivers(self) -> dict[str, bool]:
        """Return what a mark allows."""
        names = ("allow_unexpected", "allow_unmet")
        return {name: bool(self._marked.get(name, False)) for name in names}

    @property
    def about_leaks(self) -> Literal["error", "warn", "off"]:
        """What happens if the test leaves something open."""
        if self._marked.get("allow_leaks"):
            return "off"
        found: Any = self._config.getini("qmp_leaks") or "error"
        if found not in ("error", "warn", "off"):
            _fail(f"qmp_leaks: found {found!r}, expected error, warn or off")
        return found  # type: ignore[no-any-return]  # one of the three

    @property
    def real_server(self) -> str | None:
        """The address of the server that answers what a recording lacks, or None."""
        found = self._config.getoption("qmp_add") or self._config.getini("qmp_add")
        return str(found) if found else None

    def recordings(self) -> tuple[list[Path], dict[str, Any]]:
        """Return the files of the test's recordings, and further options of its replay."""
        folder = self._item.path.parent
        mark = self._item.get_closest_marker(RECORDING_MARK)
        if mark is not None and mark.args:
            return [folder / file for file in mark.args], dict(mark.kwargs)
        file = own_recording(self._item)
        return [file], {} if mark is None else dict(mark.kwargs)


def own_recording(item: pytest.Item) -> Path:
    """Return the path of a test's own recording: ``recordings/FILE/TEST.txt`` beside the test."""
    names = [each.name for each in item.listchain() if isinstance(each, pytest.Class)]
    name = ".".join([*names, item.name])
    safe = "".join(char if char.isprintable() and char not in "/\\:" else "-" for char in name)
    return item.path.parent / "recordings" / item.path.stem / f"{safe}.txt"


def _file_or_text(folder: Path, text: str) -> str:
    """Return the path of a file in a folder if there is one, else the text, such as an address."""
    path = folder / text
    return str(path) if path.is_file() else text


def _check_option(name: str) -> None:
    if name not in _OPTIONS:
        from qmpeer.messages import near_names  # start: 20 ms

        near = near_names(name, _OPTIONS)
        expected = near[0] if near else f"one of {', '.join(sorted(_OPTIONS))}"
        _fail(f"found the option {name}, expected {expected}")


def _fail(text: str) -> None:
    pytest.fail(f"mark {MARK}: {text}", pytrace=False)
