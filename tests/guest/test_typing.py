"""Texts typed and places clicked, as a Linux guest sees them."""

import asyncio
import struct
from collections.abc import Callable, Iterator

import pytest

from tests.client.faces import AsyncFace, BlockingFace, Face, Vm
from tests.linux_guest import Guest
from tests.patience import PATIENCE

pytestmark = pytest.mark.real

TEXTS = {
    "de": ("de", "Zwölf Boxkämpfer jagen Yeti: 5 @ {[|]} ~\\ café, à ^ ` <>#'+*ß?"),
    "fr": ("fr", "Où êtes-vous ? ça coûte 5 # à l'hôtel {[|]} ~\\^@ naïve <>"),
    "us(intl)": ("us:intl", 'naïve façade: "it\'s" ^ ~ ` ñ ÀÉîõü ¿¡ß <>?'),
}
"""By XKB's name of a layout: the guest's keymap, and a text with its dead keys and AltGr."""
KEYBOARDS = {
    "ps2": ((), "AT Translated"),
    "usb": (("-device", "qemu-xhci", "-device", "usb-kbd"), "USB Keyboard"),
    "virtio": (("-device", "virtio-keyboard-pci"), "QEMU Virtio Keyboard"),
}
"""By name: QEMU's options, and what the guest calls it."""
EVENT = struct.Struct("llHHi")
EV_KEY, EV_ABS, BTN_LEFT = 1, 3, 0x110


@pytest.fixture(params=["blocking", "asyncio"])
def face(request: pytest.FixtureRequest) -> Iterator[Face]:
    made = BlockingFace() if request.param == "blocking" else AsyncFace(asyncio.new_event_loop)
    yield made
    made.end()


@pytest.fixture
def vm(face: Face, guest: Guest) -> Iterator[Vm]:
    with face.connect(guest.address, command_timeout=PATIENCE) as made:
        yield made


def load(guest: Guest, keymap: str) -> None:
    """Load a keymap unless it is loaded; that takes the guest seconds."""
    if guest.run("cat /tmp/keymap || true").strip().splitlines()[-1:] != [keymap]:
        guest.load_keys(keymap)
        guest.run(f"echo '{keymap}' >/tmp/keymap")


def typed(guest: Guest, vm: Vm, text: str, layout: str, **options: float) -> str:
    """Type a text and Enter, and return what the guest's terminal has read."""
    vm.start_on(vm.client.keyboard, "type", f"{text}\n", layout, **options).result(PATIENCE)
    return guest.typed.read_line(b"\r").decode().removesuffix("\r")


def test_a_text_with_dead_keys(guest: Guest, vm: Vm) -> None:
    load(guest, "de")
    assert typed(guest, vm, "Größe: é@^", "de") == "Größe: é@^"


@pytest.mark.slow
@pytest.mark.parametrize("layout", TEXTS)
def test_texts(layout: str, guest: Guest, vm: Vm) -> None:
    keymap, text = TEXTS[layout]
    load(guest, keymap)
    assert typed(guest, vm, text, layout) == text


@pytest.mark.slow
def test_combinations_and_held_keys(guest: Guest, vm: Vm) -> None:
    load(guest, "us")
    keyboard = vm.client.keyboard

    def within() -> None:
        vm.start_on(keyboard, "press", "b", "shift-c", "ctrl-d").result(PATIENCE)

    vm.within(keyboard.hold("shift"), within).result(PATIENCE)
    vm.start_on(keyboard, "press", "a", "shift-a", "ctrl-a", "alt-a", "enter").result(PATIENCE)
    # A held Shift makes no difference to Ctrl-D, and is released at the end.
    assert guest.typed.read_line(b"\r") == b"BC\x04aA\x01\x1ba\r"


@pytest.fixture(scope="module")
def tablet(guest: Guest) -> str:
    """Send the events of the guest's tablet to a port, and return the name of its device."""
    guest.wait_until("grep -q 'QEMU USB Tablet' /proc/bus/input/devices")
    name = guest.run(
        "grep -A5 'QEMU USB Tablet' /proc/bus/input/devices | grep -o 'event[0-9]*' | head -n1"
    ).strip()
    guest.run(f"cat /dev/input/{name} >/dev/ttyS3 & sleep 0")
    return name


@pytest.mark.slow
def test_a_click_on_a_tablet(tablet: str, guest: Guest, vm: Vm) -> None:
    assert tablet
    picture = vm.call("screenshot")
    x, y = picture.width - 1, picture.height // 2
    guest.pointer.unread()
    vm.start_on(vm.client.pointer, "click", x, y).result(PATIENCE)
    found: dict[tuple[int, int], list[int]] = {}
    while (EV_KEY, BTN_LEFT) not in found or len(found[EV_KEY, BTN_LEFT]) < 2:
        _, _, kind, code, value = EVENT.unpack(guest.pointer.read(EVENT.size))
        found.setdefault((kind, code), []).append(value)
    assert found[EV_KEY, BTN_LEFT] == [1, 0]
    places = [found.get((EV_ABS, axis), [-1])[-1] for axis in (0, 1)]
    sizes = (picture.width, picture.height)
    assert [place * size // 0x8000 for place, size in zip(places, sizes, strict=True)] == [x, y]
    # The next click is at another place, so that both axes change.
    vm.start_on(vm.client.pointer, "move", 0, 0).result(PATIENCE)


# Speed


@pytest.mark.slow
@pytest.mark.alone
@pytest.mark.parametrize("keyboard", KEYBOARDS)
def test_no_key_is_lost_at_the_default_rate(
    keyboard: str, start_guest: Callable[..., Guest]
) -> None:
    options, name = KEYBOARDS[keyboard]
    with start_guest("-vga", "std", *options) as guest:
        guest.wait_until(f"grep -q '{name}' /proc/bus/input/devices")
        for layout, (keymap, text) in TEXTS.items():
            load(guest, keymap)
            for _ in range(3):
                guest.client.keyboard.type(f"{text}\n", layout)
                assert guest.typed.read_line(b"\r").decode() == f"{text}\r"
