"""A fake QEMU in a folder of its own, and its processes, which end with the test."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from qmpeer.fake_qemu import FakeQemu

Install = Callable[..., FakeQemu]
Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def install(tmp_path: Path) -> Iterator[Install]:
    """Return a function that installs a fake with the text of a script."""
    fakes: list[FakeQemu] = []

    def install(script: str = "", **settings: Any) -> FakeQemu:
        if script:
            settings["script"] = tmp_path / "script.toml"
            settings["script"].write_text(script)
        fakes.append(FakeQemu.install(tmp_path / "bin", **settings))
        return fakes[-1]

    yield install
    for fake in fakes:
        fake.end()
        assert fake.running == []


@pytest.fixture
def start(install: Install) -> Iterator[Start]:
    """Return a function that starts a fake by its name, in the folder of the test."""
    with ExitStack() as stack:

        def start(fake: FakeQemu, line: str = "", **options: Any) -> "subprocess.Popen[bytes]":
            process = subprocess.Popen(
                [Path(fake.path).name, *line.split()],
                env=fake.environment,
                cwd=Path(fake.path).parents[1],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                **options,
            )
            stack.enter_context(process)
            stack.callback(process.kill)
            return process

        yield start
