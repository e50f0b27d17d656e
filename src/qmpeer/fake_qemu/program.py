"""The program that an installed fake QEMU runs, from its start to its end.

Most of what programs ask first, such as ``-version``, is answered before the modules of the machine
are imported: they take most of the time of a start.
"""

import os
from collections.abc import Sequence

from qmpeer.fake_qemu.built_in_answers import built_in_answer
from qmpeer.fake_qemu.process_script import ProcessScript, Rule, read_process_script
from qmpeer.fake_qemu.qemu_options import OptionWord, words_of
from qmpeer.fake_qemu.start import FAILED, Settings, Started, act_at_once, say
from qmpeer.fake_qemu.start_log import log_start


def main(settings: Settings, argv: Sequence[str]) -> int:
    """Run a fake QEMU, and return the exit status.

    Args:
        settings: Its settings.
        argv: The program as it was called, and its options.
    """
    name = os.path.basename(argv[0])
    _take_name(name)
    try:
        number = log_start(settings.log, argv, os.environ)
        if not number:
            say(2, f"{name}: {settings.log} is full: this start isn't kept\n")
        script = read_process_script(settings.script) if settings.script else ProcessScript()
        words = list(words_of(argv[1:]))
        rules = [each for each in script.rules if each.fits(words, os.environ, number)]
        started = Started(name, argv[1:], number, settings, script, rules)
        ended = _begin(started, words)
        return _run(started) if ended is None else ended
    except OSError as error:
        say(2, f"{name}: {error.filename or settings.log}: {error.strerror}\n")
    except Exception as error:
        if type(error).__name__ != "ScriptError":  # its module takes 40 ms to import
            raise
        say(2, f"{name}: {error}\n")
    return FAILED


def _begin(started: Started, words: Sequence[OptionWord]) -> int | None:
    """Follow the rules for the start; return the exit status if it ends there, otherwise None."""
    for rule in started.rules:
        if rule.is_at_once and (status := act_at_once(started, rule)) is not None:
            return status
    answers = started.settings.answers or started.script.answers
    if answers and _is_question(words):
        for rule in read_process_script(answers).rules:
            if rule.fits(words, {}, started.number):
                return act_at_once(started, rule)
    answer = built_in_answer(started.name, words, started.script.version)
    if answer is None:
        return None
    stdout, stderr, status = answer
    return act_at_once(started, Rule(stdout=stdout, stderr=stderr, status=status))


def _is_question(words: Sequence[OptionWord]) -> bool:
    """Return whether a command line may be a question: recordings of answers are long."""
    return any(
        word.text == "-version" or word.text.endswith("help") or "=help" in word.text
        for word in words
    )


def _take_name(name: str) -> None:
    """Let the process be called like QEMU where programs look for its name."""
    try:
        with open("/proc/self/comm", "w", encoding="utf-8") as file:
            file.write(name[:15])
    except OSError:
        pass


def _run(started: Started) -> int:
    from qmpeer.fake_qemu.process import run_fake  # start: 100 ms

    return run_fake(started)
