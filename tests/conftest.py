"""What all tests share: how long properties are tried, and where real programs are."""

import os
import shutil
import signal
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, settings

from tests.starts import WrongReleaseError, check_release

settings.register_profile("default", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("long", parent=settings.get_profile("default"), max_examples=5000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # what started us in the background did that
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def program() -> Callable[[str], str]:
    """Return what finds a real program, or skips the test and says which one is missing."""

    def find(name: str) -> str:
        path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
        if path is None:
            pytest.skip(f"{name} is not installed")
        return path

    return find


@pytest.fixture(scope="session")
def recorded_qemu(program: Callable[[str], str]) -> str:
    """Return the QEMU whose answers stand in golden files, or skip the test."""
    path = program("qemu-system-x86_64")
    try:
        check_release(path)
    except WrongReleaseError as error:
        pytest.skip(str(error))
    return path
