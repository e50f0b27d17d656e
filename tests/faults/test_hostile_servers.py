"""The cost of hostile servers to a client: deadlines hold, and memory is bounded."""

import pytest

from tests.faults.hostile_server import CLIENTS, KINDS, MIB, run_alone


@pytest.mark.alone
@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_deadline_is_kept_whatever_comes(kind: str, client: str) -> None:
    cost = run_alone(kind, client, 64 * MIB)
    assert cost.seconds < 1.5, cost
    assert cost.memory < max(6 * cost.size, 32 * MIB), cost


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("kind", ["a string and no comma", "as many nan as may be", "commas"])
def test_what_comes_ends_a_command(kind: str, client: str) -> None:
    """With smaller texts: a command ends by its deadline, or earlier by an error."""
    cost = run_alone(kind, client, 2 * MIB)
    assert cost.outcome.startswith(("TimeoutError", "CommandInterrupted", "ConnectionClosed"))
    assert cost.memory < 64 * MIB
