"""The longest time of a completion, key by key through a long line, on a real server's schema."""

import statistics
import sys
import time

from qmpeer import Client
from qmpeer.schema import schema_from_introspection
from qmpeer.shell.completion import complete
from qmpeer.shell.vocabulary import Vocabulary

LINE = "blockdev-add driver=qcow2 file.driver=file file.filename=/x cache.direct=on backing."


def keystroke(line: str, vocabulary: Vocabulary) -> float:
    """Return the median time of completing at the end of a line."""
    times = []
    for _ in range(5):
        start = time.perf_counter()
        complete(line, len(line), vocabulary)
        times.append(time.perf_counter() - start)
    return statistics.median(times)


with Client.connect(sys.argv[1]) as vm:
    vocabulary = Vocabulary(schema_from_introspection(vm.execute("query-qmp-schema")))
print(max(keystroke(LINE[:end], vocabulary) for end in range(len(LINE) + 1)))
