"""The adapters, one module a client, with a function `test(path, count)` for each test.

The function returns its timing.

`sequential` sends one command after the other, `pipelined` keeps 1,000 in flight, `schema` asks
for the 207 kB reply, `events` takes events as they come. Coroutines run on the loop under test.
"""
