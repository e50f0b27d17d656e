"""One client's test in this process: `python -m benchmarks.one_client ADAPTER TEST PATH COUNT`."""

import dataclasses
import importlib
import inspect
import json
import sys

from benchmarks import loops


def main() -> None:
    """Run the test and print its timing as one line of JSON."""
    contestant, test, path, count = sys.argv[1:]
    adapter, _, loop = contestant.partition("+")
    outcome = getattr(importlib.import_module(f"benchmarks.adapters.{adapter}"), test)(
        path, int(count)
    )
    if inspect.iscoroutine(outcome):
        outcome = loops.run(outcome, loop)
    print(json.dumps(dataclasses.asdict(outcome)))


if __name__ == "__main__":
    main()
