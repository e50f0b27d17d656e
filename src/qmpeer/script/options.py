"""The command line of ``qmpeer fake``: a script, and QEMU's options for its monitors."""

from collections.abc import Mapping, Sequence
from typing import Final

from qmpeer.options import (
    COMPANION_FLAGS,
    COMPANION_OPTIONS,
    FAULT_OPTIONS,
    GUEST_FLAGS,
    GUEST_OPTIONS,
    SHARED_FLAGS,
    SHARED_OPTIONS,
    Flag,
    ProgramOptions,
    ReadArgument,
    StartError,
    Warn,
    check_companions,
    one_of,
    parse_words,
    path_of,
    set_to,
    take_command,
)
from qmpeer.options.control_monitors import check_control_only
from qmpeer.script.mismatches import Kind, waived_kinds


class FakeOptions(ProgramOptions, kw_only=True):
    """The options of one command line.

    Attributes:
        file: The script.
        allows_unexpected: True if commands that no rule answers aren't reported.
        allows_unmet: True if rules that weren't asked aren't reported.
        report: The form of the report: "text", "json" or "none".
        report_file: The file for the report, or None.
        has_seed: True if --seed was given, which goes before the script's own.
    """

    file: str = ""
    allows_unexpected: bool = False
    allows_unmet: bool = False
    report: str = "text"
    report_file: str | None = None
    has_seed: bool = False

    @property
    def waived(self) -> frozenset[Kind]:
        """The kinds of mismatches that aren't reported."""
        return waived_kinds(allow_unexpected=self.allows_unexpected, allow_unmet=self.allows_unmet)


def parse_options(arguments: Sequence[str], warn: Warn = lambda text: None) -> FakeOptions:
    """Parse a command line, without the program's name.

    Args:
        arguments: The command line.
        warn: Called with each of QEMU's warnings, as soon as it is found.

    Raises:
        StartError: At the first option that is wrong, unknown or missing.
        StartHelp: If an option asks for help.
    """
    options = FakeOptions()
    parse_words(
        options,
        arguments,
        flags=_FLAGS,
        readers=_OPTIONS,
        take_word=_take_file,
        warn=warn,
        take_command=take_command,
    )
    if options.wants_help or options.wants_version:
        return options
    if not options.file:
        raise StartError("", None, "found no SCRIPT, expected a file in TOML")
    check_control_only(options, can_be_pretty=True)
    check_companions(options)
    return options


def _take_file(options: FakeOptions, word: str) -> None:
    if options.file:
        raise StartError(word, None, "there is a SCRIPT already, expected an option")
    options.file = word


def _seed(options: FakeOptions, option: str, argument: str) -> None:
    FAULT_OPTIONS["seed"](options, option, argument)
    options.has_seed = True


_FLAGS: Final[Mapping[str, Flag[FakeOptions]]] = {
    **SHARED_FLAGS,
    **GUEST_FLAGS,
    **COMPANION_FLAGS,
    "allow-unexpected": set_to("allows_unexpected"),
    "allow-unmet": set_to("allows_unmet"),
}
_OPTIONS: Final[Mapping[str, ReadArgument[FakeOptions]]] = {
    **SHARED_OPTIONS,
    **GUEST_OPTIONS,
    **FAULT_OPTIONS,
    **COMPANION_OPTIONS,
    "seed": _seed,
    "report": one_of("report", "text", "json", "none"),
    "report-file": path_of("report_file"),
}
