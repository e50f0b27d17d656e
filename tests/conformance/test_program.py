"""The process of a client under judgement: its command line, its deadline, its memory, its end."""

import asyncio
import os
import time

import pytest

from qmpeer.conformance.clients.odd_server import Target
from qmpeer.conformance.clients.program import Ending, command_words, is_for_tcp, run_program
from tests.patience import PATIENCE

TARGET = Target("tcp:127.0.0.1:4444", host="127.0.0.1", port=4444)


def ending(script: str, *, timeout: float = PATIENCE, memory: int = 1 << 30) -> Ending:
    words = ["sh", "-c", script, "{host}", "{port}"]
    return asyncio.run(run_program(words, TARGET, timeout=timeout, memory=memory))


def test_words() -> None:
    assert command_words("python 'my client.py' --at {address}") == [
        "python",
        "my client.py",
        "--at",
        "{address}",
    ]
    assert is_for_tcp(["client", "{host}:{port}"])
    assert not is_for_tcp(["client", "{path}", "host"])


@pytest.mark.parametrize("command", ["", "  ", "client 'open"])
def test_words_that_are_wrong(command: str) -> None:
    with pytest.raises(ValueError, match=r"found an (empty command|open quote)"):
        command_words(command)


def test_it_gets_the_address() -> None:
    found = ending('echo "$0 $1 $QMP_ADDRESS"; echo trouble >&2; cat; exit 3')
    assert found.status == 3
    assert found.output == b"127.0.0.1 4444 tcp:127.0.0.1:4444\n"
    assert found.errors == b"trouble\n"


def test_a_deadline_ends_it() -> None:
    found = ending("echo started; exec sleep 1000", timeout=0.3)
    assert (found.status, found.reason) == (None, "it ran longer than 0.3 seconds")
    assert found.output == b"started\n"


def test_memory_ends_it_and_its_children_count() -> None:
    found = ending("cat /dev/zero | tail", memory=64 << 20)
    assert (found.status, found.reason) == (None, "it used more than 64 MiB of memory")


def test_a_signal() -> None:
    assert ending("kill -SEGV $$").status == -11


def test_only_the_last_output_is_kept() -> None:
    found = ending("yes 0123456 | head -c 1000000; echo the end")
    assert len(found.output) == 65536
    assert found.output.endswith(b"the end\n")


def test_what_it_leaves_behind_is_ended() -> None:
    found = ending("sleep 1000 & echo $!")
    assert found.status == 0
    pid = int(found.output)
    end = time.monotonic() + PATIENCE
    while os.path.exists(f"/proc/{pid}") and _state(pid) != "Z":
        assert time.monotonic() < end
        time.sleep(0.01)


def _state(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().rpartition(")")[2].split()[0]
    except OSError:
        return "Z"
