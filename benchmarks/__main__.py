"""The command `python -m benchmarks`: measure, and print one table of ratios."""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks import rounds, table
from benchmarks.rows import FLOORS, ROWS, Row
from benchmarks.servers import Servers
from benchmarks.workloads import QUICK, Effort, Workloads


def parse_options(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rows", help="only these, by name or by the start of it: a,b,...")
    parser.add_argument("--rounds", type=int, help="samples of each contestant (5; quick: 2)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results here too")
    parser.add_argument("--quick", action="store_true", help="short samples: rough figures")
    parser.add_argument("--floors", action="store_true", help="add rows without a bar")
    parser.add_argument("--list", action="store_true", help="print the rows' names and end")
    parser.add_argument(
        "--cpu-server",
        choices=("qemu", "fake"),
        default="qemu",
        help="where the CPU time of a command is measured (qemu)",
    )
    return parser.parse_args(argv)


def choose(options: argparse.Namespace) -> list[Row]:
    """Return the rows that the options ask for."""
    wanted = tuple(options.rows.split(",")) if options.rows else ()
    rows = ROWS + FLOORS if options.floors else ROWS
    return [row for row in rows if not wanted or row.name.startswith(wanted)]


def run(rows: Sequence[Row], workloads: Workloads, count: int) -> list[rounds.Result]:
    """Run the workloads of these rows and judge every row."""
    contests: dict[str, rounds.Contest] = {}
    for workload in dict.fromkeys(row.workload for row in rows):
        sides = [(row.theirs, row.ours) for row in rows if row.workload == workload]
        contestants = dict.fromkeys(name for pair in sides for name in pair if name)
        print(f"{workload}: {', '.join(contestants)}", file=sys.stderr, flush=True)
        contests[workload] = rounds.play(workloads.by_name[workload], contestants, count)
    return [rounds.judge(row, contests[row.workload]) for row in rows]


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; the command doesn't fail if a bar isn't met."""
    options = parse_options(argv)
    rows = choose(options)
    if options.list or not rows:
        print("\n".join(row.name for row in rows or ROWS))
        return 0 if rows else 2
    count = options.rounds or (2 if options.quick else 5)
    effort = QUICK if options.quick else Effort()
    with (
        tempfile.TemporaryDirectory(prefix="qmpeer-bench-") as folder,
        Servers(Path(folder)) as servers,
    ):
        workloads = Workloads(servers, effort, cpu_server=options.cpu_server)
        results = run(rows, workloads, count)
    print(f"Medians of {count} rounds; load of this machine {os.getloadavg()[0]:.1f}\n")
    print(f"{table.text(results)}\n\n{table.summary(results)}")
    if options.json:
        options.json.write_text(json.dumps([table.data(result) for result in results], indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
