"""Set-up of all tests: a neutral host, profiles of Hypothesis, fixtures for real programs."""

import gc
import os
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.linux_guest import Guest, make_guest_files
from tests.neutral_host import make_neutral, skip_what_is_missing
from tests.qemu import QEMU, find_program, release_of
from tests.starts import WrongReleaseError, check_release

settings.register_profile(
    "default", deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("long", parent=settings.get_profile("default"), max_examples=5000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


def pytest_configure(config: pytest.Config) -> None:
    config.add_cleanup(make_neutral())


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Keep the garbage collector away from the tests themselves, which stay until the end."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(wrapper=True)
def pytest_collect_file(
    file_path: Path,
) -> Generator[None, list[pytest.Collector], list[pytest.Collector]]:
    """Leave out the search for doctests in files that contain none."""
    found = yield
    if file_path.suffix != ".py" or b">>>" in file_path.read_bytes():
        return found
    return [each for each in found if type(each) is pytest.Module]


def pytest_runtest_setup(item: pytest.Item) -> None:
    skip_what_is_missing(item)


@pytest.fixture(scope="session")
def program() -> Callable[[str], str]:
    """Return a function that finds a real program, or skips the test and names the missing one."""

    def find(name: str) -> str:
        return find_program(name) or pytest.skip(f"{name} is not installed")

    return find


@pytest.fixture(scope="session")
def recorded_qemu(program: Callable[[str], str]) -> str:
    """Return the QEMU whose answers are in golden files, or skip the test."""
    path = program(QEMU)
    try:
        check_release(path)
    except WrongReleaseError as error:
        pytest.skip(str(error))
    return path


@pytest.fixture(scope="session")
def qemu_version(program: Callable[[str], str]) -> tuple[int, int]:
    """Return the release of the QEMU that tests drive, such as (7, 2)."""
    return release_of(program(QEMU))


@pytest.fixture(scope="session")
def guest_files() -> Path:
    """Return the folder with the Linux guest, which is made once, or skip the test."""
    folder, fault = make_guest_files()
    if fault:
        pytest.skip(fault)
    return folder


@pytest.fixture(scope="session")
def start_guest(program: Callable[[str], str], guest_files: Path) -> Callable[..., Guest]:
    """Return a function that starts a Linux guest, and returns it as soon as it runs commands.

    The arguments are those of Guest, without the first.
    """

    def start(*options: str, **more: Any) -> Guest:
        guest = Guest(program(QEMU), *options, files=guest_files, **more)
        try:
            return guest.until_ready()
        except BaseException:
            guest.close()
            raise

    return start
