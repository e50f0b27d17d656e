"""Names that a package hands out when they are first asked for.

A program's start waits for each module that it imports. So what not every program needs is imported
when one of its names is wanted.

Spec: PEP 562.
"""

from collections.abc import Mapping
from importlib import import_module

__all__ = ["handed_out"]


def handed_out(package: str, homes: Mapping[str, str], name: str) -> object:
    """Return what a package calls so.

    Args:
        package: Its name.
        homes: For each name that it hands out lazily, the module that has it.
        name: The name.

    Raises:
        AttributeError: If it has no such name.
    """
    home = homes.get(name)
    if home is None:
        raise AttributeError(f"module {package!r} has no attribute {name!r}")
    return getattr(import_module(home), name)
