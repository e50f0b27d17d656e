"""A program that talks to a monitor for a person who types: what it is told, and what it shows."""

import subprocess
from collections.abc import Sequence

from tests.client.faces import background
from tests.patience import PATIENCE

__all__ = ["converse"]


def converse(argv: Sequence[str], *said: str) -> list[str]:
    """Say a line after each line that the program prints; return what it printed.

    Lines that aren't the monitor's are passed over.
    """
    heard: list[str] = []
    with subprocess.Popen(
        argv,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        bufsize=1,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            for line in (*said, None):
                answer = ""
                while not answer.startswith("{"):
                    answer = background(process.stdout.readline).result(PATIENCE)
                    assert answer, f"{argv[0]} has ended behind {heard}"
                heard.append(answer)
                if line is not None:
                    process.stdin.write(line)
        finally:
            process.kill()
    return heard
