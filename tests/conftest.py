"""What all tests share: a neutral host, how long properties are tried, where real programs are."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.neutral_host import make_neutral, skip_what_is_missing
from tests.starts import WrongReleaseError, check_release

QEMU = "qemu-system-x86_64"

settings.register_profile(
    "default", deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("long", parent=settings.get_profile("default"), max_examples=5000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


def pytest_configure(config: pytest.Config) -> None:
    config.add_cleanup(make_neutral())


def pytest_runtest_setup(item: pytest.Item) -> None:
    skip_what_is_missing(item)


def find_program(name: str) -> str | None:
    """Find a real program, or None.

    The variable QMPEER_QEMU names the QEMU to drive; its siblings, such as qemu-img, are taken from
    the same folder if they are there.
    """
    qemu = os.environ.get("QMPEER_QEMU")
    if qemu and name == QEMU:
        return shutil.which(qemu) or pytest.fail(f"QMPEER_QEMU names no program: {qemu}")
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    if qemu and name.startswith("qemu-"):
        path = f"{Path(qemu).parent}:{path}"
    return shutil.which(name, path=path)


@pytest.fixture(scope="session")
def program() -> Callable[[str], str]:
    """Return what finds a real program, or skips the test and says which one is missing."""

    def find(name: str) -> str:
        return find_program(name) or pytest.skip(f"{name} is not installed")

    return find


@pytest.fixture(scope="session")
def recorded_qemu(program: Callable[[str], str]) -> str:
    """Return the QEMU whose answers stand in golden files, or skip the test."""
    path = program(QEMU)
    try:
        check_release(path)
    except WrongReleaseError as error:
        pytest.skip(str(error))
    return path


@pytest.fixture(scope="session")
def qemu_version(program: Callable[[str], str]) -> tuple[int, int]:
    """Return the release of the QEMU that tests drive, such as (7, 2)."""
    answer = subprocess.run(
        [program(QEMU), "--version"], capture_output=True, text=True, check=True
    )
    release = re.search(r"version (\d+)\.(\d+)", answer.stdout)
    assert release, answer.stdout
    return int(release[1]), int(release[2])
