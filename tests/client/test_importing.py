"""The modules that importing a client loads, and the names that a client shows."""

import textwrap

from tests.client.conftest import OurMonitor
from tests.client.faces import Face
from tests.client.scripted import connected
from tests.client.test_closing import run_python


def test_the_blocking_client_imports_nothing_that_it_does_not_need(ours: OurMonitor) -> None:
    text = f"""
        import sys, threading
        from qmpeer import Client
        with Client.connect({ours.address!r}) as vm:
            vm.execute("echo")
            vm.event_mark()
            with vm.events() as events:
                vm.execute("emit", {{"name": "X"}})
                next(events)
            unneeded = {{"asyncio", "dataclasses", "logging", "ssl", "subprocess", "uvloop"}}
            print(sorted(unneeded & set(sys.modules)), threading.active_count())
        """
    done = run_python(textwrap.dedent(text))
    assert (done.stdout, done.stderr) == ("[] 1\n", "")


def test_what_takes_several_commands_needs_no_more(ours: OurMonitor) -> None:
    text = f"""
        import sys, threading
        from qmpeer import Client, CommandError, GuestAgent
        with Client.connect({ours.address!r}, reconnect=1.0) as vm:
            for call in (lambda: vm.run_job("x"), lambda: vm.migrate("exec:x")):
                try:
                    call()
                except CommandError as error:
                    print(error.error_class)
            print(vm.names("job"))
        try:
            GuestAgent.connect({ours.address!r} + "-nobody")
        except FileNotFoundError:
            unneeded = {{"asyncio", "dataclasses", "logging", "ssl", "subprocess", "uvloop"}}
            print(sorted(unneeded & set(sys.modules)), threading.active_count())
        """
    done = run_python(textwrap.dedent(text))
    expected = "CommandNotFound\nCommandNotFound\n[]\n[] 1\n"
    assert (done.stdout, done.stderr) == (expected, "")


def test_each_client_comes_without_the_other() -> None:
    text = """
        import sys
        import qmpeer
        qmpeer.Client
        print("qmpeer.client.aio.client" in sys.modules)
        qmpeer.AsyncClient
        """
    done = run_python(textwrap.dedent(text))
    assert (done.stdout, done.stderr) == ("False\n", "")


def test_secrets_are_not_shown(face: Face) -> None:
    with connected(face) as (vm, server):
        executing = vm.begin("set_password", {"protocol": "vnc", "password": "hunter2"})
        server.command()
        shown = repr(vm)
        server.close()
        error = executing.exception(10)
        assert "Client" in shown
        assert "hunter2" not in shown + repr(error) + str(error) + repr(vm)
