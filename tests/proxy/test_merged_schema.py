"""A server's introspection with the proxy's commands: no type has two meanings, none is missing."""

from typing import Any

import pytest

from qmpeer.machine.interface import load as machine_schema
from qmpeer.proxy.extensions import load
from qmpeer.proxy.merged_schema import merged_schema
from qmpeer.schema import Validator, introspection_of, schema_from_introspection
from qmpeer.values import JsonValue


def _checked(answer: list[JsonValue]) -> Validator:
    """Return a validator of a client that knows the answer alone."""
    names = [entry["name"] for entry in answer if isinstance(entry, dict)]
    assert len(names) == len(set(map(str, names)))
    return Validator(schema_from_introspection(answer))


def _server() -> list[JsonValue]:
    return [*introspection_of(machine_schema())]


def test_the_servers_part_is_as_it_was() -> None:
    server = _server()
    merged = merged_schema(server, load())
    assert merged[: len(server)] == server == _server()
    validator = _checked(merged)
    validator.arguments("__qmpeer_set-events")({"patterns": ["A"], "numbers": True})
    validator.check_return(
        "__qmpeer_query-events",
        {
            "epoch": "e",
            "last": 1,
            "lost": False,
            "more": False,
            "events": [{"number": 1, "event": "A"}],
        },
    )
    validator.check_event("__QMPEER_SERVER_LOST", {"reason": "r", "reconnects": True})
    validator.arguments("query-status")(None)


def test_a_proxy_of_a_proxy() -> None:
    once = merged_schema(_server(), load())
    twice = merged_schema(once, load())
    validator = _checked(twice)
    validator.arguments("__qmpeer_query-events")({"since": 1})
    events = [each for each in twice if isinstance(each, dict) and each.get("name") == "STOP"]
    assert len(events) == 1


@pytest.mark.parametrize(
    "answer", [[], [1, None], [{"name": 7}, {"meta-type": "command"}], [{"name": "int"}]], ids=str
)
def test_servers_with_odd_answers(answer: list[Any]) -> None:
    merged = merged_schema(answer, load())
    assert merged[: len(answer)] == answer
    assert len(merged) > len(answer)
