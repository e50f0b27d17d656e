"""A keyboard, as a person at the guest presses its keys, at a speed that the guest can follow."""

from qmpeer.values import JsonValue
from tests.linux_guest import Guest

__all__ = ["Keyboard"]

_BYTES = 3 * 24
"""The size of evdev's report that a key goes down or up: a scan code, a key, an end."""


class Keyboard:
    """The keys of a guest, by QEMU's names.

    A PS/2 keyboard drops keys if its queue is full, so each chord waits until Linux has seen it.
    """

    def __init__(self, guest: Guest) -> None:
        self._guest = guest
        self._size = 0
        guest.run("exec 8</dev/input/event0; cat <&8 >/tmp/keys &")

    def press(self, *chords: str) -> None:
        """Press keys one after another, or some together: "shift-a"."""
        for chord in chords:
            keys: list[JsonValue] = [{"type": "qcode", "data": key} for key in chord.split("-")]
            self._guest.client.execute("send-key", {"keys": keys, "hold-time": 1})
            self._size += 2 * len(keys) * _BYTES
            self._guest.wait_until(f'[ "$(wc -c </tmp/keys)" -ge {self._size} ]')
