"""``qmpeer proxy --install-emulator``: the file that stands as libvirt's ``<emulator>``."""

import os
from collections.abc import Sequence
from typing import Final

from qmpeer.cli.proxy_options import ProxyOptions, parse_options
from qmpeer.options import StartError, Warn
from qmpeer.proxy.emulator import EmulatorSettings, proxy_words
from qmpeer.proxy.emulator_file import closed_folders, install_emulator
from qmpeer.proxy.libvirt_monitor import Domain, LibvirtMonitor

INSTALL: Final = "--install-emulator"
_OR_DIRECT: Final = "--or-direct"
_QEMU: Final = "--qemu"
_EXAMPLE: Final = "-qmp unix:/run/qmpeer/%n.qmp,server=on,wait=off"
_DOMAIN: Final = Domain("name", "f0e1d2c3-b4a5-4697-8879-6a5b4c3d2e1f")
_MONITOR: Final = LibvirtMonitor(at=0, label="charmonitor", fd=3)


def install(words: Sequence[str], warn: Warn) -> str:
    """Write an emulator's file.

    Args:
        words: The words behind the subcommand.
        warn: Shows a warning.

    Returns:
        A line for the user: the path, and the version of QEMU.

    Raises:
        StartError: If the command line is wrong, or if the emulator doesn't work.
    """
    path, settings = _read(words)
    _check_options(settings.options, warn)
    try:
        version = install_emulator(path, settings)
    except ValueError as error:
        raise StartError(INSTALL, path, str(error)) from error
    if folders := closed_folders(path):
        reason = "other users can't enter; libvirt's QEMU often runs as one"
        warn(f"warning: {INSTALL} {path}: {', '.join(folders)}: {reason}")
    return f"{os.path.abspath(path)}: {version}"


def _read(words: Sequence[str]) -> tuple[str, EmulatorSettings]:
    own: dict[str, str] = {}
    options = []
    or_direct = False
    rest = iter(words)
    for word in rest:
        if word == _OR_DIRECT:
            or_direct = True
        elif word in (INSTALL, _QEMU):
            argument = next(rest, None)
            if argument is None:
                raise StartError(word, None, "requires an argument")
            own[word] = argument
        else:
            options.append(word)
    if _QEMU not in own:
        reason = f"expected {_QEMU}, too, with the path of the real QEMU"
        raise StartError(INSTALL, own[INSTALL], reason)
    return own[INSTALL], EmulatorSettings(own[_QEMU], options, or_direct)


def _check_options(words: Sequence[str], warn: Warn) -> None:
    """Parse the options as those of some domain.

    Raises:
        StartError: If an option is wrong, or if it isn't possible for an emulator.
    """
    try:
        filled = _DOMAIN.fill(words)
    except ValueError as error:
        raise StartError(INSTALL, None, str(error)) from error
    options = parse_options(proxy_words(_MONITOR, _MONITOR.fd, filled), warn)
    for option, is_there in (
        ("--help", options.wants_help),
        ("--version", options.wants_version),
        ("-daemonize", options.is_daemon),
        ("--until-eof", options.ends_with_input),
        ("-- COMMAND", bool(options.command)),
    ):
        if is_there:
            raise StartError(option, None, "an emulator can't have this option")
    if len(options.control_labels) < 2:
        reason = f"no option opens a monitor for other clients, expected one such as {_EXAMPLE}"
        raise StartError(INSTALL, None, reason)
    _check_paths(options)


def _check_paths(options: ProxyOptions) -> None:
    for each in options.chardevs:
        path = each.description.values.get("path")
        if isinstance(path, str) and not os.path.isabs(path):
            reason = "libvirt chooses the current folder, expected a path that begins with /"
            raise StartError(each.option, each.argument, reason)
