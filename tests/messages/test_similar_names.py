"""Suggestions of similar names."""

import pytest

from qmpeer import limits
from qmpeer.messages import near_names

NAMES = ["blockdev-add", "blockdev-del", "device_add", "stop", "STOP"]


@pytest.mark.parametrize(
    ("name", "most", "near"),
    [
        ("blockdev-ad", 3, ["blockdev-add", "blockdev-del"]),
        ("blockdev-dle", 1, ["blockdev-del"]),
        ("device-add", 1, ["device_add"]),
        ("STOPPED", 3, ["STOP"]),
        ("cont", 3, []),
        ("stop" * limits.NEAR_NAME_LENGTH, 3, []),
    ],
)
def test_near_names(name: str, most: int, near: list[str]) -> None:
    assert near_names(name, NAMES, most) == near
