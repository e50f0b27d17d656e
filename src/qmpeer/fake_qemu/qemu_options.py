"""The names of QEMU's options, with and without an argument.

Spec: QEMU 7.2.22 for x86_64 was asked about each name; a test asks it again. Further names are
those of other architectures, and of releases up to 11.
"""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

_FLAGS: Final = (
    "S async-teardown audio-help daemonize enable-kvm enable-sync-profile full-screen h help"
    " mem-prealloc no-acpi no-fd-bootchk no-hpet no-reboot no-shutdown no-user-config nodefaults"
    " nographic old-param only-migratable portrait preconfig s semihosting singlestep snapshot usb"
    " version win2k-hack xen-attach xen-domid-restrict"
)
_WITH_ARGUMENT: Final = (
    "D L M accel acpitable action add-fd append audio audiodev bios blockdev boot cdrom chardev"
    " chroot compat cpu d debugcon device dfilter display drive dtb dump-vmstate echr fda fdb fsdev"
    " fw_cfg g gdb global hda hdb hdc hdd icount incoming initrd iscsi k kernel loadvm m machine"
    " mem-path mon monitor msg mtdblock name net netdev nic numa object option-rom overcommit"
    " parallel pflash pidfile plugin prom-env qmp qmp-pretty qtest qtest-log readconfig rotate rtc"
    " runas sandbox sd seed semihosting-config serial set smbios smp spice tpmdev trace usbdevice"
    " uuid vga virtfs vnc watchdog-action xen-domid"
)
_OTHER_FLAGS: Final = (
    "alt-grab ctrl-grab curses enable-fips enable-hax jitdump no-frame no-kvm no-kvm-irqchip"
    " no-quit nodefconfig perfmap rtc-td-hack sdl show-cursor"
)
_OTHER_WITH_ARGUMENT: Final = (
    "balloon run-with shim soundhw tb-size tdf virtfs_synth watchdog writeconfig"
)

FLAGS: Final = frozenset(_FLAGS.split())
"""Without an argument, in QEMU 7.2."""
WITH_ARGUMENT: Final = frozenset(_WITH_ARGUMENT.split())
"""With an argument, in QEMU 7.2."""
OTHER_FLAGS: Final = frozenset(_OTHER_FLAGS.split())
"""Without an argument, in other releases."""
OTHER_WITH_ARGUMENT: Final = frozenset(_OTHER_WITH_ARGUMENT.split())
"""With an argument, in other releases."""

_LONG_NAMES: Final = {"-M": "-machine", "-h": "-help"}


class OptionWord(NamedTuple):
    """A word of a command line.

    Attributes:
        text: The word, an option with one dash and by its long name.
        is_option: True for an option; False for its argument, or a disk image.
    """

    text: str
    is_option: bool


def words_of(arguments: Sequence[str]) -> Iterator[OptionWord]:
    """Give the words of a command line, spelled in one way.

    Example:
        >>> [each.text for each in words_of(["--M", "?", "-name", "-h"])]
        ['-machine', 'help', '-name', '-h']
        >>> [each.is_option for each in words_of(["-name", "-h"])]
        [True, False]
    """
    is_argument = False
    for word in arguments:
        is_option = word.startswith("-") and len(word) > 1 and not is_argument
        if is_option and word.startswith("--"):
            word = word[1:]
        if is_option:
            word = _LONG_NAMES.get(word, word)
        elif word == "?" or word.endswith(",?"):
            word = f"{word[:-1]}help"
        yield OptionWord(word, is_option)
        name = word[1:]
        is_argument = is_option and (name in WITH_ARGUMENT or name in OTHER_WITH_ARGUMENT)
