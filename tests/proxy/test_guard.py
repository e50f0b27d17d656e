"""The guard: commands are judged before they go to the server, in each client's order.

Modules: facts, guard.
"""

import asyncio
from collections.abc import Callable

from qmpeer.messages import Event, Timestamp
from qmpeer.policy import Decision, Facts, Policy, Rate, Rule, Subject, Who
from qmpeer.policy.rules import MemberPath
from qmpeer.values import JsonObject, JsonValue
from tests.patience import PATIENCE
from tests.proxy.lines import LineClient
from tests.proxy.proxied import Proxied, TestServer, error_of, until


class Equals:
    """A test of one member, which may say that it asks for nodes."""

    covers_below = False
    is_opened = False

    def __init__(self, name: str, value: object, *, needs_nodes: bool = False) -> None:
        self.path: MemberPath = (name,)
        self.needs_nodes = needs_nodes
        self._value = value

    def failure(self, arguments: JsonObject, facts: Facts) -> str | None:
        found = arguments.get(self.path[0])
        return None if found == self._value else f"found {found!r}, expected {self._value!r}"


def _rule(*names: str, subject: Subject = Subject.COMMAND, **options: object) -> Rule:
    name = str(options.pop("name", names[0]))
    return Rule(name=name, names=frozenset(names), subject=subject, **options)  # type: ignore[arg-type]


async def _start(proxied: Proxied, *rules: Rule, dry_run: bool = False) -> None:
    await proxied.start(policy=Policy(rules, is_dry_run=dry_run))
    proxied.server.answers = lambda command: command.name


async def test_what_no_rule_allows_is_not_found(proxied: Proxied) -> None:
    await _start(proxied, _rule("query-status"))
    client = await proxied.client()
    assert await client.execute("query-status") == "query-status"
    for name in ("stop", "no-such-command", "Query-Status", "query_status"):
        error = await error_of(client.execute(name))
        assert error.error_class == "CommandNotFound"
        assert error.desc == f"The command {name} has not been found"
    assert proxied.server.names == ["query-status"]


async def test_what_is_denied_names_its_rule(proxied: Proxied) -> None:
    await _start(
        proxied,
        _rule("stop", name="keep-running", decision=Decision.DENY),
        _rule("cont", name="by-name", tests=(Equals("x", 1),)),
    )
    client = await proxied.client()
    error = await error_of(client.execute("stop"))
    assert (error.error_class, error.desc) == (
        "GenericError",
        "The policy denies stop: rule keep-running",
    )
    error = await error_of(client.execute("cont", {"x": 2}))
    assert error.desc == (
        "The policy denies cont: no rule allows it: rule by-name: arguments.x: found 2, expected 1"
    )
    assert await client.execute("cont", {"x": 1}) == "cont"


async def test_a_denial_keeps_its_place_among_the_answers(proxied: Proxied) -> None:
    await proxied.start(policy=Policy([_rule("query-status")]))
    client = await LineClient.open(f"{proxied.folder}/proxy")
    proxied.clients.append(client)
    for name, number in (("query-status", 1), ("stop", 2), ("query-status", 3)):
        client.write(b'{"execute": "%b", "id": %d}\n' % (name.encode(), number))
    await until(lambda: len(proxied.server.received) == 2)
    proxied.server.answer("one")
    proxied.server.answer("three")
    assert [(await client.read())["id"] for _ in range(3)] == [1, 2, 3]


async def test_out_of_band_is_judged_too(proxied: Proxied) -> None:
    await _start(proxied, _rule("query-status"))
    client = await proxied.client()
    assert (await error_of(client.execute("stop", oob=True))).error_class == "CommandNotFound"
    assert await client.execute("query-status", oob=True) == "query-status"


async def test_forced_arguments_are_sent(proxied: Proxied) -> None:
    force: JsonObject = {"persistent": False, "inner": {"a": 1}}
    await _start(proxied, _rule("block-dirty-bitmap-add", force=force))
    client = await proxied.client()
    await client.execute("block-dirty-bitmap-add", {"persistent": True, "inner": {"b": 2}})
    (sent,) = proxied.server.received
    assert sent.arguments == {"persistent": False, "inner": {"a": 1, "b": 2}}


async def test_a_sensitive_member_must_be_tested(proxied: Proxied) -> None:
    await _start(
        proxied,
        _rule("block-commit", name="some", tests=(Equals("device", "d0"),)),
        _rule("blockdev-add", name="all", is_unchecked=True),
    )
    client = await proxied.client()
    hostile: JsonObject = {"device": "d0", "backing-file": "/etc/passwd"}
    error = await error_of(client.execute("block-commit", hostile))
    assert "arguments.backing-file: found a sensitive member" in error.desc
    await client.execute("block-commit", {"device": "d0", "job-id": "j0"})
    await client.execute("blockdev-add", {"driver": "file", "filename": "/etc/passwd"})
    assert proxied.server.names == ["block-commit", "blockdev-add"]


async def test_each_action_of_a_transaction_is_judged(proxied: Proxied) -> None:
    bitmap = _rule("block-dirty-bitmap-add", tests=(Equals("name", "b"),), force={"x": 1})
    await _start(proxied, _rule("transaction"), bitmap)
    client = await proxied.client()
    good: JsonObject = {"type": "block-dirty-bitmap-add", "data": {"name": "b"}}
    await client.execute("transaction", {"actions": [good, good]})
    (sent,) = proxied.server.received
    assert sent.arguments is not None
    forced: JsonObject = {"type": "block-dirty-bitmap-add", "data": {"name": "b", "x": 1}}
    assert sent.arguments["actions"] == [forced, forced]
    bad_ones: list[JsonValue] = [
        {"type": "block-dirty-bitmap-add", "data": {"name": "c"}},
        {"type": "stop", "data": {}},
        {"type": "transaction", "data": {"actions": []}},
        {"type": ["stop"], "data": {}},
        {"type": "block-dirty-bitmap-add", "data": {"name": "b"}, "more": 1},
        "stop",
    ]
    for bad in bad_ones:
        error = await error_of(client.execute("transaction", {"actions": [good, bad]}))
        assert "actions[1]: " in error.desc, bad
    error = await error_of(client.execute("transaction", {"actions": {"0": good}}))
    assert "expected a list" in error.desc
    assert len(proxied.server.received) == 1


async def test_rules_about_others_do_not_hold(proxied: Proxied) -> None:
    admin = Who(name="admin", listeners=(lambda name: name == "admin",))
    await _start(proxied, _rule("stop", who=(admin,)), _rule("query-status"))
    assert proxied.proxy is not None
    await proxied.proxy.listen(f"unix:{proxied.folder}/admin", name="admin")
    usual, other = await proxied.client(), await LineClient.open(f"{proxied.folder}/admin")
    proxied.clients.append(other)
    assert (await error_of(usual.execute("stop"))).error_class == "CommandNotFound"
    assert await other.ask("stop") == "stop"


async def test_events_that_no_rule_allows_are_not_sent(proxied: Proxied) -> None:
    await _start(
        proxied,
        _rule("query-status"),
        _rule("SHUTDOWN", subject=Subject.EVENT, decision=Decision.HIDE),
        _rule("STOP", "SHUTDOWN", subject=Subject.EVENT),
    )
    client = await LineClient.open(f"{proxied.folder}/proxy")
    proxied.clients.append(client)
    for name in ("RESUME", "SHUTDOWN", "NO_SUCH_EVENT", "STOP"):
        proxied.server.deliver(Event(name, {}, Timestamp(1, 2)))
    assert (await client.read())["event"] == "STOP"
    assert await client.ask("query-status") == "query-status"


async def test_a_new_policy_holds_for_clients_that_are_there(proxied: Proxied) -> None:
    await _start(proxied, _rule("query-status"), _rule("STOP", subject=Subject.EVENT))
    assert proxied.proxy is not None
    client = await proxied.client()
    assert await client.execute("query-status") == "query-status"
    proxied.proxy.set_policy(Policy([_rule("stop"), _rule("RESUME", subject=Subject.EVENT)]))
    assert (await error_of(client.execute("query-status"))).error_class == "CommandNotFound"
    assert await client.execute("stop") == "stop"
    mark = await client.event_mark()
    for name in ("STOP", "RESUME"):
        proxied.server.deliver(Event(name, {}, Timestamp(1, 2)))
    event = await client.wait_event(["STOP", "RESUME"], since=mark, timeout=PATIENCE)
    assert event.name == "RESUME"
    proxied.proxy.set_policy(None)
    assert await client.execute("no-such-command") == "no-such-command"


async def test_a_dry_run_only_tells(proxied: Proxied) -> None:
    await _start(proxied, _rule("query-status"), dry_run=True)
    control = proxied.proxy.control() if proxied.proxy is not None else None
    assert control is not None
    client = await proxied.client()
    assert await client.execute("stop") == "stop"
    assert proxied.server.names == ["stop"]
    await control.close()


async def test_a_dry_run_changes_nothing(proxied: Proxied) -> None:
    await _start(proxied, _rule("query-name", force={"x": 1}, blank=(("name",),)), dry_run=True)
    answers: dict[str, JsonValue] = {
        "query-commands": [{"name": "stop"}, {"name": "query-name"}],
        "query-name": {"name": "vm"},
    }
    proxied.server.answers = lambda command: answers[command.name]
    client = await proxied.client()
    for name, answer in answers.items():
        assert await client.execute(name) == answer
    assert proxied.server.received[-1].arguments is None
    mark = await client.event_mark()
    proxied.server.deliver(Event("STOP", {}, Timestamp(1, 2)))
    assert (await client.wait_event("STOP", since=mark, timeout=PATIENCE)).name == "STOP"


async def test_those_behind_a_slow_judgement_wait_and_others_do_not(proxied: Proxied) -> None:
    slow = _rule("stop", tests=(Equals("x", 1, needs_nodes=True),))
    await _start(proxied, slow, _rule("query-status"))
    client, other = await proxied.client(), await proxied.client()
    both = asyncio.gather(client.execute("stop", {"x": 1}), client.execute("query-status"))
    assert await other.execute("query-status") == "query-status"
    assert [*await both] == ["stop", "query-status"]
    mine = [each for each in proxied.server.names if each != "query-named-block-nodes"]
    assert mine.index("stop") < len(mine) - 1
    assert "expected 1" in (await error_of(client.execute("stop", {"x": 2}))).desc


class AsksForNode:
    """A test that asks for a node's file, and holds."""

    path: MemberPath = ("x",)
    covers_below = False
    is_opened = False
    needs_nodes = True

    def failure(self, arguments: JsonObject, facts: Facts) -> str | None:
        facts.node_file(str(arguments["x"]))
        return None


async def _until_last(server: TestServer, name: str, stop: Callable[[], bool] = bool) -> None:
    """Wait until a command is the last that the server has got, or until something else holds."""
    await until(lambda: stop() or server.names[-1:] == [name])


async def test_nodes_that_may_have_changed_since_the_judgement(proxied: Proxied) -> None:
    """Between the question about a node and the command, another one may put it elsewhere."""
    by_node = _rule("block-stream", tests=(AsksForNode(),), is_unchecked=True)
    await proxied.start(policy=Policy([by_node, _rule("cont", "query-status")]))
    client, other = await proxied.client(), await proxied.client()
    server = proxied.server
    for between, is_refused in (("query-status", False), ("cont", True)):
        waits = asyncio.ensure_future(client.execute("block-stream", {"x": "n"}))
        await until(lambda: server.names[-1:] == ["query-named-block-nodes"])
        changes = asyncio.ensure_future(other.execute(between))
        await _until_last(server, between)
        server.answer([], name="query-named-block-nodes")
        await until(lambda: server.names[-1:] == ["query-block"])
        server.answer([], name="query-block")
        if is_refused:
            assert "may have changed the block nodes" in (await error_of(waits)).desc
        else:
            await until(lambda: server.names[-1:] == ["block-stream"])
            server.answer(name="block-stream")
            await waits
        server.answer(name=between)
        await changes


async def test_a_new_policy_judges_what_still_waits_for_facts(proxied: Proxied) -> None:
    slow = _rule("block-stream", tests=(AsksForNode(),), is_unchecked=True)
    proxy = await proxied.start(policy=Policy([slow]))
    client = await proxied.client()
    server = proxied.server
    waits = asyncio.ensure_future(client.execute("block-stream", {"x": "n"}))
    await until(lambda: server.names == ["query-named-block-nodes"])
    strict = _rule("block-stream", name="strict", decision=Decision.DENY)
    proxy.set_policy(Policy([strict]))
    for _ in range(2):
        for name in ("query-named-block-nodes", "query-block"):
            if waits.done():
                break
            await _until_last(server, name, waits.done)
            if not waits.done():
                server.answer([], name=name)
    assert "rule strict" in (await error_of(waits)).desc
    assert "block-stream" not in server.names


async def test_a_new_policy_judges_what_still_waits_for_its_turn(proxied: Proxied) -> None:
    """It may deny it, allow it as it is, or want it changed, which is too late then."""
    names = ("stop", "query-status", "cont", "query-name", "eject", "quit")
    proxy = await proxied.start(window=1, policy=Policy([_rule(*names, is_unchecked=True)]))
    server = proxied.server
    sent = asyncio.ensure_future((await proxied.client()).execute("stop"))
    await until(lambda: server.names == ["stop"])
    shown, denied, forced, late, hidden = [
        asyncio.ensure_future((await proxied.client()).execute(name)) for name in names[1:]
    ]
    await until(lambda: sum(len(each.lane) for each in proxy._hub.sessions) == len(names) - 1)
    rules = [
        _rule("stop", "cont", decision=Decision.DENY, name="strict"),
        _rule("query-status", blank=(("status",),)),
        _rule("query-name", force={"x": 1}),
        _rule("eject", tests=(Equals("x", 1, needs_nodes=True),)),
    ]
    proxy.set_policy(Policy(rules))
    server.answer("done")
    assert await sent == "done"  # what was sent stays sent
    await until(lambda: server.names == ["stop", "query-status"])
    server.answer({"status": "running"})
    assert await shown == {"status": ""}
    assert (await error_of(denied)).desc == "The policy denies cont: rule strict"
    ends = "the policy changed while it waited; send it again"
    assert (await error_of(forced)).desc == f"The policy denies query-name: rule query-name: {ends}"
    assert (await error_of(late)).desc == f"The policy denies eject: no rule allows it: {ends}"
    assert (await error_of(hidden)).desc == "The command quit has not been found"
    assert server.names == ["stop", "query-status"]


async def test_what_needs_facts_is_not_judged_out_of_band(proxied: Proxied) -> None:
    await _start(proxied, _rule("stop", tests=(Equals("x", 1, needs_nodes=True),)))
    client = await proxied.client()
    error = await error_of(client.execute("stop", {"x": 1}, oob=True))
    assert error.desc == "The policy denies stop: no rule allows it: it can't be judged out of band"
    assert not proxied.server.received


async def test_what_is_judged_is_what_is_sent(proxied: Proxied) -> None:
    """A member that stands twice is refused, as by QEMU, so none of the two can be hidden."""
    await _start(proxied, _rule("cont", tests=(Equals("x", 1),)))
    client = await LineClient.open(f"{proxied.folder}/proxy")
    proxied.clients.append(client)
    client.write(b'{"execute": "cont", "arguments": {"x": 1, "x": 2}}\n')
    reply = await client.read()
    assert "error" in reply, reply
    client.write(b'{"execute": "cont", "execute": "stop", "arguments": {"x": 1}}\n')
    assert "error" in await client.read()
    assert not proxied.server.received


async def test_a_client_sees_what_it_may_use(proxied: Proxied) -> None:
    names = ("query-commands", "query-status", "stop")
    await _start(proxied, _rule("query-commands", "query-status"), _rule("stop"))
    both: list[JsonValue] = [{"name": name} for name in (*names, "quit")]
    proxied.server.answers = lambda command: both
    client = await proxied.client()
    assert await client.execute("query-commands") == [{"name": name} for name in names]


async def test_members_of_a_reply_are_blanked(proxied: Proxied) -> None:
    await _start(proxied, _rule("query-block", blank=(("*", "file"),)))
    proxied.server.answers = lambda command: [{"device": "a", "file": "/srv/a"}]
    client = await proxied.client()
    assert await client.execute("query-block") == [{"device": "a", "file": ""}]


async def test_a_rate_holds_for_all_connections_of_a_client(proxied: Proxied) -> None:
    await _start(proxied, _rule("stop", name="slowly", rate=Rate(2, 3600.0)))
    one, two = await proxied.client(), await proxied.client()
    assert await one.execute("stop") == await two.execute("stop") == "stop"
    for client in (one, two):
        assert "rule slowly: found more than 2" in (await error_of(client.execute("stop"))).desc


async def test_what_breaks_a_rule_is_denied(proxied: Proxied) -> None:
    class Broken(Equals):
        def failure(self, arguments: JsonObject, facts: Facts) -> str | None:
            raise RuntimeError("broken")

    await _start(proxied, _rule("stop", tests=(Broken("x", 1),)))
    client = await proxied.client()
    assert "it can't be judged" in (await error_of(client.execute("stop", {"x": 1}))).desc
    assert not proxied.server.received
