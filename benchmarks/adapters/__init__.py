"""One module for each client. A function for each test, `test(path, count)`, returns its timing.

`sequential` sends one command after the other, `pipelined` keeps 1,000 in flight, `schema` asks
for the 207 kB reply, `events` takes events as they come, `until` waits for the event of each
command. Coroutines run on the loop under test.
"""
