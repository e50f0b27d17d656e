import os
from typing import Any

import pytest

from qmpeer import limits
from qmpeer.errors import CommandError, ValidationError
from qmpeer.machine.blkdebug_config import ConfigReader
from qmpeer.machine.block_graph import BlockGraph
from qmpeer.machine.interface import load
from qmpeer.schema import Validator
from tests.machine.block_conversation import CONVERSATION, debug, null

check_arguments = Validator(load()).arguments("blockdev-add")


def answer(graph: BlockGraph, entry: dict[str, Any] | str) -> str | None:
    try:
        if isinstance(entry, str):
            graph.delete(entry)
        else:
            check_arguments(entry)
            graph.add(entry)
    except (CommandError, ValidationError) as error:
        return error.desc
    return None


def test_the_conversation() -> None:
    graph = BlockGraph(ConfigReader(os.open).read)
    for entry, expected in CONVERSATION:
        assert answer(graph, entry) == expected, entry

    assert graph.names == ["a.b-c_d", "n0", "n5", "n1", "n2", "b0", "b4", "c1", "c2"]


@pytest.fixture
def graph() -> BlockGraph:
    def refuse(path: str) -> None:
        raise CommandError("GenericError", f"no {path}")

    return BlockGraph(refuse)


@pytest.mark.parametrize(
    "options",
    [
        debug("top", null("beneath"), config="rules"),
        debug("top", null("beneath"), align=3),
        debug("top", debug("middle", null("beneath")), align=3),
        debug("top", debug("middle", null("beneath"), align=3)),
        debug("top", null("beneath", latency_ns=-1)),
        null("top", size=-1),
    ],
)
def test_a_failure_leaves_nothing(graph: BlockGraph, options: dict[str, Any]) -> None:
    assert answer(graph, options) is not None
    assert graph.names == []


def test_a_failure_leaves_the_image_of_others(graph: BlockGraph) -> None:
    assert answer(graph, null("n")) is None
    assert answer(graph, debug("top", "n", align=3)) is not None
    assert graph.names == ["n"]
    assert answer(graph, "n") is None


def test_deleting_goes_down(graph: BlockGraph) -> None:
    assert answer(graph, debug("top", debug("middle", null("beneath")))) is None
    assert answer(graph, "top") is None
    assert graph.names == []


def test_alignment_comes_from_beneath(graph: BlockGraph) -> None:
    assert answer(graph, debug("b", null("n"), align=4096)) is None
    assert answer(graph, debug("c", "b", max_transfer=512)) == (
        "Cannot meet constraints with max-transfer 512"
    )


def test_nodes_have_a_limit(graph: BlockGraph, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "BLOCK_NODES", 2)
    assert answer(graph, debug("a", null("b"))) is None
    assert answer(graph, null("c")) == "there are 2 block nodes already"
    assert graph.names == ["a", "b"]


def test_a_tower_of_filters(graph: BlockGraph) -> None:
    """A tower that is built node by node may be higher than the limit of recursion."""
    assert answer(graph, null("n0")) is None
    for number in range(1, 2000):
        assert answer(graph, debug(f"n{number}", f"n{number - 1}")) is None
    assert "blkdebug::" * 1999 + "null-co://" in graph.describe("n1999")


@pytest.mark.parametrize(
    ("size", "told"),
    [(0, "0 B (0 bytes)"), (512, "512 B (512 bytes)"), (1000, "1 KiB (1024 bytes)")],
)
def test_a_size_is_told_in_whole_sectors(graph: BlockGraph, size: int, told: str) -> None:
    graph.add({"driver": "null-co", "node-name": "n", "size": size})
    assert f"virtual size: {told}" in graph.describe("n", verbose=True)
