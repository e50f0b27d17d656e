"""Texts of QEMU 7.2 that tests compare with a QEMU, and their replacements in later releases."""

__all__ = ["as_written_by"]

IN_QEMU_10 = [
    ('"singlestep": false, ', ""),
    ("during postcopy-active state", "during postcopy-active or postcopy-recover state"),
]


def as_written_by(release: tuple[int, int], text: str) -> str:
    """Return a text of QEMU 7.2 in the words of another release."""
    if release >= (10, 0):
        for written, later in IN_QEMU_10:
            text = text.replace(written, later)
    return text
