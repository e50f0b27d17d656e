"""The bare asyncio protocol with the standard library's json."""

import json

from benchmarks.adapters.bare_protocol import Tests

_encode = json.JSONEncoder(separators=(",", ":")).encode


def _dumps(value: object) -> bytes:
    return _encode(value).encode()


_tests = Tests(json.loads, _dumps)
sequential, schema = _tests.sequential, _tests.schema
pipelined, events = _tests.pipelined, _tests.events
