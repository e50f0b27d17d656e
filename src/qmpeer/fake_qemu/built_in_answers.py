"""The answers to QEMU's questions about itself that are known without a recording."""

from collections.abc import Sequence

from qmpeer import __version__
from qmpeer.fake_qemu.qemu_options import FLAGS, WITH_ARGUMENT, OptionWord

RELEASE = "7.2.0"
"""The release whose interface the built-in machine has."""
_ASKING = ("-accel", "-cpu", "-device", "-machine")


def built_in_answer(
    program: str, words: Sequence[OptionWord], version: str
) -> tuple[str, str, int] | None:
    """Return standard output, standard error and the exit status; None if it is no question.

    Args:
        program: The program's name.
        words: The command line's words.
        version: QEMU's version in the answer to -version, or "".
    """
    for at, word in enumerate(words):
        if not word.is_option:
            continue
        if word.text == "-version":
            return _version(version or f"{RELEASE} (qmpeer {__version__})"), "", 0
        if word.text == "-help":
            return _help(program, version or f"{RELEASE} (qmpeer {__version__})"), "", 0
        behind = words[at + 1].text if at + 1 < len(words) else ""
        if word.text in _ASKING and (behind == "help" or behind.endswith(",help")):
            return _about(program, word.text, behind)
    return None


def _version(version: str) -> str:
    return (
        f"QEMU emulator version {version}\n"
        "Copyright (c) 2003-2022 Fabrice Bellard and the QEMU Project developers\n"
    )


def _help(program: str, version: str) -> str:
    flags = (f"-{name}\n" for name in sorted(FLAGS))
    others = (f"-{name} ...\n" for name in sorted(WITH_ARGUMENT))
    usage = f"usage: {program} [options] [disk_image]\n\n"
    return "".join([_version(version), usage, *flags, *others])


def _about(program: str, option: str, argument: str) -> tuple[str, str, int]:
    """Answer for the built-in machine; what it doesn't have needs a recording."""
    if (option, argument) == ("-machine", "help"):
        return "Supported machines are:\nnone                 empty machine\n", "", 0
    if (option, argument) == ("-accel", "help"):
        return "Accelerators supported in QEMU binary:\ntcg\n", "", 0
    hint = "no answer is recorded; qmpeer fake-qemu --record QEMU -o FILE records them"
    return "", f"{program}: {option} {argument}: {hint}\n", 1
