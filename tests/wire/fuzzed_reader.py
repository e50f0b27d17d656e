"""The server's reader and a real QEMU, given the same fuzzed inputs: how many are answered alike.

    python -m tests.wire.fuzzed_reader [COUNT [SEED]]

sends many inputs in one go, each behind a byte that starts the reader afresh and before a command
by which its answers are known. C0 80 and escapes at the edge of what is one are among them.
"""

import random
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.protocol.pretended_server import PretendedServer
from tests.protocol.real_qemu import ask_qemu, ask_us, by_value, running_qemu
from tests.qemu import QEMU
from tests.wire.strategies import PIECES, mutated, odd_texts

__all__ = ["differing", "inputs"]

NEGOTIATE = b'{"execute":"qmp_capabilities"}\n'
LOT = 200
"""Inputs that are sent in one connection."""
_EXTRA = [b"\xc0\x80", b"\\u", b"\\ud8", b"\\u00\xc0\x80", b"\\ude00", b"\\fd", b"\xed\xa0\x80"]


def inputs(seed: int) -> Iterator[bytes]:
    """Return endless inputs, the same for the same seed."""
    chance = random.Random(seed)
    while True:
        kind = chance.randrange(4)
        if kind == 0:
            text = b"".join(chance.choices([*PIECES, *_EXTRA], k=chance.randrange(12)))
        else:
            text = mutated(odd_texts(chance.randrange(1 << 48)), chance.randrange(1 << 48))
        for _ in range(chance.choice((0, 0, 1, 2))):
            at = chance.randrange(len(text) + 1)
            text = text[:at] + chance.choice(_EXTRA) + text[at:]
        yield text


def differing(path: Path, lot: list[bytes]) -> list[bytes]:
    """Return those inputs of a lot that a real QEMU and we answer differently."""

    def is_alike(some: list[bytes]) -> bool:
        data = NEGOTIATE + b"\x01\n".join(some)
        return by_value(ask_us(PretendedServer(), data)) == by_value(ask_qemu(path, data))

    if is_alike(lot):
        return []
    return [each for each in lot if not is_alike([each])] or lot


def main(argv: list[str]) -> int:
    """Print what differs, and how much of how many."""
    count = int(argv[0]) if argv else 1_000_000
    seed = int(argv[1]) if len(argv) > 1 else 1
    source, done, different = inputs(seed), 0, 0
    with tempfile.TemporaryDirectory() as folder, running_qemu(QEMU, Path(folder)) as path:
        while done < count:
            lot = [next(source) for _ in range(min(LOT, count - done))]
            for each in differing(path, lot):
                different += 1
                print(each, flush=True)
            done += len(lot)
    print(f"{done} inputs, {different} answered differently")
    return int(bool(different))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
