"""The process of a fake QEMU that has monitors, from parsing its options to its end."""

import asyncio
import os
from collections.abc import Callable, Sequence
from functools import partial

from qmpeer.display.safe_text import visible_lines
from qmpeer.errors import QMPError
from qmpeer.fake_qemu.answering import Answering, answering_for
from qmpeer.fake_qemu.command_line import FakeOptions, parse_options
from qmpeer.fake_qemu.process_script import Rule
from qmpeer.fake_qemu.start import FAILED, Started, act_at_once, kill_self, say
from qmpeer.fake_qemu.start_log import log_end
from qmpeer.fake_qemu.text_ports import TextPorts
from qmpeer.machine.machine import Machine
from qmpeer.machine.startup import open_all
from qmpeer.options import StartError, StartHelp
from qmpeer.options.background import run_in_place
from qmpeer.options.daemonize import hold_standard_descriptors
from qmpeer.options.devices import Devices
from qmpeer.options.process import CallOnSignal, run_process, show_line
from qmpeer.options.running import ControlSocket, run_program


def run_fake(started: Started) -> int:
    """Run a fake QEMU until its end, and return the exit status."""

    def report(text: str) -> None:
        say(2, f"{started.name}: {visible_lines(text)}\n")

    status = FAILED
    try:
        options = parse_options(started.arguments, report)
        options.is_insecure = started.script.is_insecure
        for line in options.notices:
            show_line(line)
        answering = answering_for(started, report)
        hold_standard_descriptors()
        return run_in_place(
            options,
            lambda when_ready: _run(started, options, answering, report, when_ready),
            failed=FAILED,
        )
    except StartHelp as asked:
        say(1, asked.text)
        status = asked.status
    except StartError as error:
        for text in error.texts:
            report(text.replace("--insecure", "'insecure = true' in the script's [process]"))
    except OSError as error:
        report(f"{error.filename}: {error.strerror}" if error.filename else str(error))
    except (QMPError, ModuleNotFoundError) as error:  # an extra that isn't installed
        report(str(error))
    log_end(started.settings.log, started.number, status)
    return status


def _run(
    started: Started,
    options: FakeOptions,
    answering: Answering,
    report: Callable[[str], None],
    when_ready: Callable[[], None],
) -> int:
    async def run(call_on_signal: CallOnSignal) -> int:
        fake = _Fake(started, options, answering, report)

        def ready() -> None:
            when_ready()
            fake.follow_rules_of_start()

        await run_program(fake, options, report, ready, call_on_signal)
        return fake.status

    status = run_process(run, report)
    log_end(started.settings.log, started.number, status, None, answering.mismatches())
    return status


def _register_human_commands(machine: Machine) -> None:
    from qmpeer.machine.human import register_human_commands  # start: 20 ms

    register_human_commands(machine)


class _Fake:
    """A fake QEMU as a program: the steps from its start to its end.

    Attributes:
        status: The exit status.
    """

    def __init__(
        self,
        started: Started,
        options: FakeOptions,
        answering: Answering,
        report: Callable[[str], None],
    ) -> None:
        self.status: int = 0
        self._started = started
        self._options = options
        self._answering = answering
        self._report = report
        self._is_ended_by_signal = False
        self._followed: list[asyncio.Task[None]] = []
        self._rules = [*started.rules, *self._rules_of_qemu()]
        wrap, self._late = None, 0.0
        faults = (*started.script.faults, *answering.faults)
        if faults or any(rule.command or rule.event for rule in self._rules):
            from qmpeer.fake_qemu.moments import watch  # start: 20 ms

            wrap, self._late = watch(self._rules, faults, self._follow)
        self._control = answering.monitor(wrap)
        self._machine = Machine(options, show_line, report, wrap, self._control)
        self.devices: Devices = self._machine.devices
        self.control: ControlSocket | None = None  # QEMU has none
        self._machine.monitor.human.later(partial(_register_human_commands, self._machine))
        self._ports = TextPorts(self._machine.chardevs, report)
        self._log: int | None = None

    def _rules_of_qemu(self) -> Sequence[Rule]:
        """Return the rules by which QEMU ends, where the built-in machine doesn't see to them."""
        if self._answering.is_machine:
            return ()
        rules = [Rule(command="quit", status=0)]
        if not self._options.stays:
            rules.append(Rule(event="SHUTDOWN", data={"guest": True}, status=0))
        ends = {rule.command or rule.event for rule in self._started.rules if rule.ends}
        return [rule for rule in rules if (rule.command or rule.event) not in ends]

    async def open(self) -> None:
        """Open everything, and write the texts of the start."""
        if self._late:
            await asyncio.sleep(self._late)
        self._open_log()
        await open_all(self._machine, self._options, self._report)
        if self._machine.is_shutting_down:
            return
        for rule in self._rules_of_start():
            if rule.after is None:
                self._write_texts(rule)
        # No await from here to start(): a client could get its first command in between.
        self._machine.start()
        self._answering.begin()

    def _rules_of_start(self) -> list[Rule]:
        """Return the rules that have no other moment, except those that were followed before."""
        return [each for each in self._rules if not (each.command or each.event or each.is_at_once)]

    def follow_rules_of_start(self) -> None:
        """Follow the rules of the start: everything is open, and a daemon is in the background."""
        for rule in self._rules_of_start():
            if rule.after is not None:
                self._follow(rule)
            elif rule.ends:
                self._end(rule)

    async def wait_ended(self) -> None:
        """Wait for the end of the machine, and for rules that end the process still later."""
        await self._machine.monitor.wait_closed()
        if self._control is not None:
            await self._control.wait_closed()
        if not self._is_ended_by_signal:
            await asyncio.gather(*self._followed)

    def end_by_signal(self) -> None:
        """End the machine."""
        self._is_ended_by_signal = True
        self._machine.shut_down("host-signal")

    def close(self) -> None:
        """Close the devices and files."""
        for task in self._followed:
            task.cancel()
        self.devices.close()
        if self._log is not None:
            os.close(self._log)

    # The script

    def _follow(self, rule: Rule) -> None:
        """Follow a rule whose moment has come, once the message that was the moment is sent."""

        async def follow() -> None:
            await asyncio.sleep(rule.after or 0)
            self._write_texts(rule)
            if rule.ends:
                self._end(rule)

        self._followed.append(asyncio.get_running_loop().create_task(follow()))

    def _write_texts(self, rule: Rule) -> None:
        act_at_once(self._started, rule._replace(status=None, signal=None))
        if rule.log:
            say(2 if self._log is None else self._log, rule.log)
        texts = dict(rule.chardev)
        if rule.serial and (console := self._options.console) is not None:
            texts[console] = rule.serial + texts.get(console, "")
        self._ports.write(texts)

    def _end(self, rule: Rule) -> None:
        if rule.signal is not None:
            log_end(self._started.settings.log, self._started.number, None, rule.signal)
            kill_self(rule.signal)
        self.status = rule.status or 0
        self._machine.end()

    def _open_log(self) -> None:
        """Open the file of -D. Spec: QEMU: "%d" in its name stands for the process's id."""
        if (path := self._options.log_file) is not None:
            path = path.replace("%d", str(os.getpid()))
            self._log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
