"""The bare asyncio protocol with orjson."""

import orjson

from benchmarks.adapters.bare_protocol import Tests

_tests = Tests(orjson.loads, orjson.dumps)
sequential, schema = _tests.sequential, _tests.schema
pipelined, events = _tests.pipelined, _tests.events
