"""Requests to a Linux guest that it answers in its own time: its memory, and its end."""

from collections.abc import Callable

import pytest

from tests.linux_guest import Guest
from tests.patience import PATIENCE

pytestmark = [pytest.mark.real, pytest.mark.slow]
MIB = 1 << 20


def test_balloon_then_power_down(start_guest: Callable[..., Guest]) -> None:
    with start_guest("-no-shutdown", "-device", "virtio-balloon-pci") as guest:
        client = guest.client
        with client.events("BALLOON_CHANGE") as changes:
            client.execute("balloon", {"value": 200 * MIB})
            size = 256 * MIB
            while size != 200 * MIB:
                last, size = size, int(str(changes.next(PATIENCE).data["actual"]))
                assert size < last
        with client.events("POWERDOWN", "SHUTDOWN", "STOP") as events:
            client.execute("system_powerdown")
            seen = [events.next(PATIENCE) for _ in range(3)]
        assert [event.name for event in seen] == ["POWERDOWN", "SHUTDOWN", "STOP"]
        assert seen[1].data == {"guest": True, "reason": "guest-shutdown"}


def test_power_button_that_the_guest_ignores(start_guest: Callable[..., Guest]) -> None:
    with start_guest(kernel_options=["power_button=ignore"], machine="q35") as guest:
        assert guest.run("pidof acpid || echo none") == "none\n"
        guest.client.execute("system_powerdown")
        guest.run("true")
        assert guest.client.execute("query-status")["status"] == "running"
