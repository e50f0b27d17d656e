"""The Linux guest itself: its shell, its keyboard, and that it lets a device go."""

import pytest

from tests.guest.typing_text import Keyboard
from tests.linux_guest import Guest, GuestError
from tests.patience import PATIENCE

pytestmark = pytest.mark.real


def test_commands(guest: Guest) -> None:
    assert guest.run("echo 'a\\b' \"$((6 * 7))\"\nprintf %s ä >&2") == "a\\b 42\nä"
    assert guest.run("head -c 100000 /dev/zero | tr '\\0' x") == 100_000 * "x"
    with pytest.raises(GuestError, match=r"status 3 of 'echo why; exit 3': why"):
        guest.run("echo why; exit 3")


def test_text_of_a_german_keyboard(guest: Guest) -> None:
    guest.load_keys("de")
    Keyboard(guest).press("apostrophe", "shift-apostrophe", "y", "alt_r-q", "equal", "e", "ret")
    assert guest.typed.read_line(b"\r").decode() == "äÄz@é\r"


def test_a_disk_is_unplugged_when_the_guest_consents(guest: Guest) -> None:
    client = guest.client
    with client.events("DEVICE_DELETED") as deleted:
        client.execute("device_add", {"driver": "virtio-blk-pci", "id": "v", "drive": "disk"})
        guest.wait_until("[ -e /sys/block/vda ]")
        client.execute("device_del", {"id": "v"})
        first, second = (deleted.next(PATIENCE) for _ in range(2))
    assert first.data == {"path": "/machine/peripheral/v/virtio-backend"}
    assert second.data == {"device": "v", "path": "/machine/peripheral/v"}
    guest.wait_until("[ ! -e /sys/block/vda ]")
