"""Random inputs: the same by seed, reduced when they fail."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from qmpeer.conformance import judge
from qmpeer.conformance.servers.answers import listed
from qmpeer.conformance.servers.fuzzing import Input, model
from tests.conformance.bad_servers import BAD, BadServer, good_monitor


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    address = f"unix:{tmp_path_factory.mktemp('good')}/q"
    monitor = good_monitor()
    monitor.start(address)
    yield address
    monitor.stop()


def test_an_input_is_made_of_its_seed() -> None:
    one, other = Input(7, "server", True), Input(7, "server", True)
    assert (one.pieces, one.uses_oob) == (other.pieces, other.uses_oob)
    data = b"".join(one.pieces)
    assert one.chunks(data) == other.chunks(data)
    assert b"".join(one.chunks(data)) == data
    assert len({b"".join(Input(seed, "server", True).pieces) for seed in range(100)}) > 90


def test_inputs_are_of_all_kinds() -> None:
    """A hundred inputs have good commands, errors of all classes, and ids of all types."""
    found = [
        answer
        for seed in range(100)
        for answer in model(b"".join(Input(seed, "server", False).pieces), "server", False)
    ]
    assert {answer.kind for answer in found} == {"return", "GenericError", "CommandNotFound"}
    assert {str, int, float, list, dict, type(None)} <= {type(answer.id) for answer in found}


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b'{"execute": "guest-ping", "id": 1}', "return with the id 1"),
        (b'\xff{"execute": "x"}', "GenericError without an id, CommandNotFound without an id"),
        (b'{"execute": "guest-ping", "arguments": {"a": 1}}', "GenericError without an id"),
    ],
)
def test_model(data: bytes, expected: str) -> None:
    assert listed(model(data, "agent", False)) == expected


@pytest.mark.parametrize("name", ["drops-null-ids", "ends-at-garbage"])
def test_a_failure_is_small_and_comes_again(name: str, good: str, tmp_path: Path) -> None:
    mistake = next(each for each in BAD if each.name == name)
    with BadServer(tmp_path, good, mistake) as server:
        options = {"pattern": "^$", "timeout": 0.5}
        report = judge(server.path, fuzz_inputs=100, seed=3, **options)  # type: ignore[arg-type]
        (failed,) = report.failed
        assert len(failed.sent) < 120, failed.sent
        seed = int(failed.found.rpartition(" ")[2])
        again = judge(server.path, fuzz_inputs=1, seed=seed, **options)  # type: ignore[arg-type]
        assert [result.sent for result in again.failed] == [failed.sent]
