"""The texts of --help: they name the options that are there."""

import re

from qmpeer.options import GUEST_FLAGS, GUEST_OPTIONS, SHARED_FLAGS, SHARED_OPTIONS
from qmpeer.options.usage import CLIENTS

UNUSED = {"qmp-pretty", "monitor", "echr", "help"}
"""Those that mean nothing without a human monitor and a shared device, and --help."""


def test_the_options_of_a_program_without_a_human_monitor() -> None:
    named = set(re.findall(r"(?<![\w-])--?([A-Za-z][\w-]*)", CLIENTS))
    known = {*SHARED_FLAGS, *SHARED_OPTIONS, *GUEST_FLAGS, *GUEST_OPTIONS}
    assert known - named <= UNUSED
    assert named <= known
