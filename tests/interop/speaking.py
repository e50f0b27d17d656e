"""A dialogue with a terminal program that talks to a monitor."""

import subprocess
from collections.abc import Sequence

from tests.client.faces import background
from tests.patience import PATIENCE

__all__ = ["converse"]


def converse(argv: Sequence[str], *said: str) -> list[str]:
    """Send a line after each line that the program prints; return the printed lines.

    Lines that aren't the monitor's are ignored.
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
