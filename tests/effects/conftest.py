"""Fixtures for the tests of effects."""

from collections.abc import Callable, Iterator

import pytest

from tests.effects.bare_qemu import BareQemu
from tests.qemu import QEMU


@pytest.fixture(scope="module")
def bare_qemu(
    program: Callable[[str], str],
    qemu_version: tuple[int, int],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[BareQemu]:
    """A real QEMU without a machine, shared by the tests of a module."""
    qemu = BareQemu(program(QEMU), tmp_path_factory.mktemp("qemu"), qemu_version)
    yield qemu
    qemu.end()
