"""Memory and values as the human monitor prints them."""

import pytest

from qmpeer import limits
from qmpeer.effects.human_formats import FormatMemory
from qmpeer.monitor.human import Format, dump_memory, format_value

ROM = bytes.fromhex("ea5be000f03036 2f32332f393900fc00")
"""The last 16 bytes of a PC's ROM, below 1 MiB; zeros follow."""


def read_rom(address: int, size: int) -> bytes:
    return (ROM + bytes(64))[address - 0xFFFF0 :][:size]


@pytest.mark.parametrize(
    ("format", "dump"),
    [
        ("4xb", "00000000000ffff0: 0xea 0x5b 0xe0 0x00"),
        ("4xw", "00000000000ffff0: 0x00e05bea 0x2f3630f0 0x392f3332 0x00fc0039"),
        ("8xh", "00000000000ffff0: 0x5bea 0x00e0 0x30f0 0x2f36 0x3332 0x392f 0x0039 0x00fc"),
        ("5dh", "00000000000ffff0: 23530   224 12528 12086 13106"),
        (
            "3dg",
            (
                "00000000000ffff0:  3401960375889976298    70931939903615794\n"
                "0000000000100000:                    0"
            ),
        ),
        (
            "3og",
            (
                "00000000000ffff0: 0274661417000070055752   03740003447113631462\n"
                "0000000000100000:                      0"
            ),
        ),
        (
            "9cb",
            (
                "00000000000ffff0: '\\xea' '[' '\\xe0' '\\x00' '\\xf0' '0' '6' '/'\n"
                "00000000000ffff8: '2'"
            ),
        ),
        (
            "3cw",
            "00000000000ffff0: '\\xea' '[' '\\xe0' '\\x00' '\\xf0' '0' '6' '/' '2' '3' '/' '9'",
        ),
        ("3db", "00000000000ffff0: 234  91 224"),
        ("2oh", "00000000000ffff0: 055752   0340"),
        ("2ow", "00000000000ffff0:   070055752 05715430360"),
        ("0x", ""),
    ],
)
def test_memory_is_dumped_as_by_qemu(format: str, dump: str) -> None:
    given, _ = FormatMemory().read(format, 0)
    assert dump_memory(given, 0xFFFF0, read_rom) == (dump and dump + "\n")


def test_only_eight_bytes_have_a_sign() -> None:
    """As in QEMU, which reads smaller values as unsigned."""
    dumps = [
        dump_memory(Format(1, "d", size), 0, lambda address, length: b"\xff" * length)
        for size in (1, 2, 4, 8)
    ]
    assert [int(dump.split()[1]) for dump in dumps] == [255, 65535, 0xFFFF_FFFF, -1]


def test_a_dump_ends_where_nothing_can_be_read() -> None:
    def read_page(address: int, size: int) -> bytes | None:
        return bytes(size) if address < 16 else None

    assert dump_memory(Format(8, "x", 4), 0, read_page).splitlines() == [
        "0000000000000000: 0x00000000 0x00000000 0x00000000 0x00000000",
        "0000000000000010: Cannot access memory",
    ]


def test_a_dump_has_a_bound() -> None:
    dump = dump_memory(Format(10**18, "x", 8), 0, lambda address, size: bytes(size))
    assert dump.endswith(f"\nonly the first {limits.HUMAN_DUMP} bytes are shown\n")
    assert dump.count("\n") == limits.HUMAN_DUMP // 16 + 1


def test_values_without_a_sign() -> None:
    assert format_value(-1, "u") == "18446744073709551615"
