"""The file that stands as libvirt's ``<emulator>``: a short shell script.

It names the Python of this installation by its full path: libvirt passes few environment variables
on, and the emulator runs as the user of QEMU.
"""

import os
import shlex
import stat
import subprocess
import sys
from typing import Final

import qmpeer
from qmpeer import limits
from qmpeer.proxy.emulator import EmulatorSettings

_BEGINNING: Final = "#!/bin/sh\n# Made by qmpeer proxy --install-emulator."
_QEMU: Final = "QEMU"
_TEXT: Final = """\
{beginning} QEMU for libvirt, with a proxy on its monitor.
exec {python} -I -m qmpeer.proxy.emulator {words} -- "$@"
"""


def install_emulator(path: str, settings: EmulatorSettings) -> str:
    """Write the file of an emulator, and try it: it must answer -version.

    An older emulator at the path is replaced at once: libvirt may be starting it.

    Returns:
        QEMU's answer.

    Raises:
        OSError: If the file can't be written.
        ValueError: If it would replace another file, or if it can't run QEMU.
    """
    _check(path, settings)
    words = shlex.join(settings.words())
    text = _TEXT.format(beginning=_BEGINNING, python=shlex.quote(sys.executable), words=words)
    new = f"{path}.new"
    try:
        with open(new, "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(text)
    except OSError as error:
        error.filename = path
        raise
    try:
        os.chmod(new, 0o755)
        version = _try(new)
        os.replace(new, path)
    except BaseException:
        os.unlink(new)
        raise
    return version


def _check(path: str, settings: EmulatorSettings) -> None:
    if not os.path.isabs(settings.qemu):
        raise ValueError(f"found the QEMU {settings.qemu!r}, expected its full path")
    try:
        with open(path, "rb") as file:
            found = file.read(len(_BEGINNING))
    except FileNotFoundError:
        return
    if found != _BEGINNING.encode():
        raise ValueError(f"found {path}, which is no emulator that may be replaced")
    if os.path.samefile(path, settings.qemu):
        raise ValueError(f"found {settings.qemu}, which is the emulator, expected the real QEMU")


def _try(path: str) -> str:
    """Return what the emulator answers to -version, in an environment like that of libvirt."""
    environment = {"LC_ALL": "C", "PATH": os.defpath}
    try:
        done = subprocess.run(
            [os.path.abspath(path), "-version"],
            capture_output=True,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            env=environment,
            cwd="/",
            timeout=limits.EMULATOR_TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        seconds = limits.EMULATOR_TIMEOUT
        raise ValueError(f"found no answer to -version in {seconds:g} s from QEMU") from None
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        raise ValueError(f"the emulator can't start QEMU: {lines[-1]}")
    version = done.stdout.partition("\n")[0]
    if _QEMU not in version:
        raise ValueError(f"found {version[:80]!r} as answer to -version, expected that of a QEMU")
    return version


def closed_folders(path: str) -> list[str]:
    """Return the folders that another user, such as QEMU's, may not enter on the way to programs.

    They are looked for on the way to the emulator, to Python and to the modules of this package.
    """
    found: dict[str, None] = {}
    for place in (path, sys.executable, os.path.realpath(sys.executable), qmpeer.__file__):
        folder = os.path.dirname(os.path.abspath(place))
        while True:
            if not os.stat(folder).st_mode & stat.S_IXOTH:
                found[folder] = None
            if folder == os.path.dirname(folder):
                break
            folder = os.path.dirname(folder)
    return list(found)
