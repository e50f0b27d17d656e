"""Some random plans of faults between both clients and our monitor; `make faults` runs 10,000."""

import asyncio
from collections.abc import Callable

import pytest

from tests.faults.random_plans import RandomPlans
from tests.monitor.conftest import LOOPS

SEEDS = (range(30), range(30, 60))


@pytest.mark.parametrize(("loop", "seeds"), list(zip(LOOPS, SEEDS, strict=False)))
def test_random_plans(loop: str, seeds: range) -> None:
    plans = RandomPlans(deadline=0.5)
    new_loop: Callable[[], asyncio.AbstractEventLoop] = LOOPS[loop]
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(plans.run(seeds))
    assert not plans.failures, "\n".join(plans.failures)
    assert plans.happened > 50
    assert plans.outcomes["ok"] > 5  # of a hundred; a busy machine has more deadlines
