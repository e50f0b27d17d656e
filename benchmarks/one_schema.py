"""One measurement of the schema's tools, in a process of its own: seconds on standard output.

Run `python -m benchmarks.one_schema TEST CORPUS FOLDER`.
"""

import importlib
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

TREE = "qapi/v7.2/qapi/qapi-schema.json"
RECORDING = "replies/caps_7.2.0_x86_64.replies"
MODULE = "qemu_7_2"
"""The name of the binding that `write_binding` makes."""


def median_of(function: Callable[[], object], count: int) -> float:
    """Return the median time of several calls, after one to warm up."""
    function()
    times = []
    for _ in range(count):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def _answer(corpus: Path) -> Any:
    from qmpeer.sources.saved import find_answer

    return find_answer((corpus / RECORDING).read_bytes(), RECORDING)


def _tree(corpus: Path) -> Any:
    from qmpeer.sources import read_qapi

    return read_qapi(str(corpus / TREE), release=(7, 2))


def loads(corpus: Path, folder: Path) -> float:
    """Time `json.loads` on the answer, in QEMU's format."""
    text = json.dumps(_answer(corpus)).encode()
    return median_of(lambda: json.loads(text), 20)


def allowance(corpus: Path, folder: Path) -> float:
    """Return the time that the model may take: three times `json.loads`, plus 10 ms."""
    return 3 * loads(corpus, folder) + 0.010


def model(corpus: Path, folder: Path) -> float:
    """Time making the model of an answer that is already parsed."""
    from qmpeer.schema import schema_from_introspection

    answer = _answer(corpus)
    return median_of(lambda: schema_from_introspection(answer), 20)


def tree(corpus: Path, folder: Path) -> float:
    """Time reading and checking the files of 7.2, documentation included."""
    return median_of(lambda: _tree(corpus), 3)


def bindings(corpus: Path, folder: Path) -> float:
    """Time the generation of a binding's text."""
    from qmpeer.codegen import bindings_text

    schema = _tree(corpus)
    return median_of(lambda: bindings_text(schema), 3)


def write_binding(corpus: Path, folder: Path) -> float:
    """Write the binding of 7.2, compiled, for the tests below."""
    import py_compile

    from qmpeer.codegen import bindings_text

    file = folder / f"{MODULE}.py"
    file.write_text(bindings_text(_tree(corpus)), encoding="utf-8")
    py_compile.compile(str(file), doraise=True)
    return 0.0


def typed(corpus: Path, folder: Path) -> float:
    """Time decoding the text of the answer into the binding's types."""
    sys.path.insert(0, str(folder))
    command = importlib.import_module(MODULE).query_qmp_schema()
    text = json.dumps(_answer(corpus)).encode()
    assert type(command.decode_json(text)[0]).__name__ == "SchemaInfoCommand"
    return median_of(lambda: command.decode_json(text), 20)


def import_after_client(corpus: Path, folder: Path) -> float:
    """Time the first import of the binding after the client is imported."""
    importlib.import_module("qmpeer.client")
    return import_alone(corpus, folder)


def import_alone(corpus: Path, folder: Path) -> float:
    """Time the first import of the binding, with everything that it imports."""
    sys.path.insert(0, str(folder))
    start = time.perf_counter()
    importlib.import_module(MODULE)
    return time.perf_counter() - start


TESTS = {
    test.__name__: test
    for test in (
        *(loads, allowance, model, tree, bindings),
        *(write_binding, typed, import_after_client, import_alone),
    )
}


def main() -> None:
    """Run one test."""
    test, corpus, folder = sys.argv[1:]
    print(TESTS[test](Path(corpus), Path(folder)))


if __name__ == "__main__":
    main()
