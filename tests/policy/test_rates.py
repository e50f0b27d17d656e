"""Rates and sizes of rules.

Modules: rates.
"""

import json

import pytest

from qmpeer import limits
from qmpeer.policy import PolicyClient, Rate
from qmpeer.policy.rates import Rates, size_failure
from qmpeer.values import JsonValue

CLIENT = PolicyClient(listener="backup", uid=5)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_as_many_at_once_as_the_rate_then_evenly() -> None:
    clock = Clock()
    rates = Rates(clock)
    rate = Rate(10, 1.0)
    passed = [rates.failure(CLIENT, "r", rate) is None for _ in range(15)]
    assert passed == [True] * 10 + [False] * 5
    for _ in range(20):
        clock.now += 0.1
        assert rates.failure(CLIENT, "r", rate) is None
        assert rates.failure(CLIENT, "r", rate) is not None


@pytest.mark.parametrize("rate", [Rate(3, 1.0), Rate(7, 60.0), Rate(1, 3600.0), Rate(997, 1.0)])
def test_a_flood_gets_what_the_rate_says(rate: Rate) -> None:
    clock = Clock()
    rates = Rates(clock)
    step = rate.seconds / rate.count / 7
    passed = 0
    for _ in range(rate.count * 7 * 3):
        passed += rates.failure(CLIENT, "r", rate) is None
        clock.now += step
    assert passed in (rate.count * 4 - 1, rate.count * 4)


def test_an_idle_client_saves_up_no_more_than_one_bucket() -> None:
    clock = Clock()
    rates = Rates(clock)
    assert rates.failure(CLIENT, "r", Rate(2, 1.0)) is None
    clock.now += 1e6
    passed = [rates.failure(CLIENT, "r", Rate(2, 1.0)) is None for _ in range(3)]
    assert passed == [True, True, False]


def test_clients_and_rules_have_their_own() -> None:
    rates = Rates(Clock())
    other = PolicyClient(listener="backup", uid=6)
    for client in (CLIENT, other):
        for rule in ("a", "b"):
            assert rates.failure(client, rule, Rate(1, 1.0)) is None
            assert rates.failure(client, rule, Rate(1, 1.0)) is not None


def test_connecting_anew_gives_nothing() -> None:
    rates = Rates(Clock())
    assert rates.failure(PolicyClient(listener="a", uid=1), "r", Rate(1, 60.0)) is None
    found = rates.failure(PolicyClient(listener="a", uid=1), "r", Rate(1, 60.0))
    assert found == "found more than 1 commands in 60 s, expected 1 after 60 s"


def test_memory_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "POLICY_RATES", 10)
    clock = Clock()
    rates = Rates(clock)
    rate = Rate(1, 100.0)
    for uid in range(10):
        assert rates.failure(PolicyClient(uid=uid), "r", rate) is None
    assert rates.failure(PolicyClient(uid=0), "r", rate) is not None
    assert rates.failure(PolicyClient(uid=10), "r", rate) is None
    assert rates.failure(PolicyClient(uid=0), "r", rate) is None, "the oldest was forgotten"
    assert rates.failure(PolicyClient(uid=10), "r", rate) is not None
    clock.now += 1000
    assert rates.failure(PolicyClient(uid=11), "r", rate) is None
    assert len(rates._full_at) == 1, "those that are full aren't kept"


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"a": 1},
        {"a": [1, 2.5, None, True]},
        {"a": "x" * 100, "b": {"c": []}},
        {"a": '"\n\u00e9\U0001f600'},
        {"a": 10**30},
    ],
)
def test_sizes(value: JsonValue) -> None:
    size = len(json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode())
    assert size_failure(value, size) is None
    found = size_failure(value, size - 1)
    assert found is not None
    assert found.endswith(f"bytes of arguments, expected at most {size - 1}")


class Counted(list[JsonValue]):
    """A list that counts how often it is looked into."""

    looks = 0

    def __len__(self) -> int:
        Counted.looks += 1
        return super().__len__()


def test_a_large_value_costs_little() -> None:
    value: JsonValue = [Counted([1]) for _ in range(100_000)]
    assert size_failure(value, 1000) is not None
    assert Counted.looks == 0, "the length of the outer list is enough"
    deep: JsonValue = "x"
    for _ in range(10_000):
        deep = {"a": deep}
    assert size_failure(deep, 1000) == (
        "found more than 1000 bytes of arguments, expected at most 1000"
    )


def test_what_has_no_size() -> None:
    found = size_failure({"a": "\ud800"}, 1000)
    assert found is not None
    assert found.startswith("found arguments without a size")
