"""A comparison of the server's reader with a real QEMU on the same fuzzed inputs.

    python -m tests.wire.fuzzed_reader [COUNT [SEED]]

Many inputs are sent on one connection. Each follows a byte that resets the reader, and is followed
by a command that marks the end of its answers. The inputs include C0 80 and barely valid escapes.
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
"""The number of inputs sent on one connection."""
_EXTRA = [b"\xc0\x80", b"\\u", b"\\ud8", b"\\u00\xc0\x80", b"\\ude00", b"\\fd", b"\xed\xa0\x80"]


def inputs(seed: int) -> Iterator[bytes]:
    """Yield inputs without end, the same ones for the same seed."""
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
    """Return the inputs that a real QEMU and we answer differently."""

    def is_alike(some: list[bytes]) -> bool:
        data = NEGOTIATE + b"\x01\n".join(some)
        return by_value(ask_us(PretendedServer(), data)) == by_value(ask_qemu(path, data))

    if is_alike(lot):
        return []
    return [each for each in lot if not is_alike([each])] or lot


def main(argv: list[str]) -> int:
    """Print the inputs with different answers, and their number."""
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
