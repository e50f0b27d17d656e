"""Names that a package imports on first use.

Each import delays a program's start. A module that only some programs need is imported when one of
its names is first used.

Spec: PEP 562.
"""

import sys
from collections.abc import Mapping
from importlib import import_module

__all__ = ["handed_out"]


def handed_out(package: str, homes: Mapping[str, str], name: str) -> object:
    """Return a package's lazy attribute, and make it an ordinary one.

    Args:
        package: The package's name.
        homes: The module that defines each lazy name.
        name: The attribute's name.

    Raises:
        AttributeError: If the package has no such attribute.
    """
    home = homes.get(name)
    if home is None:
        raise AttributeError(f"module {package!r} has no attribute {name!r}")
    value = getattr(import_module(home), name)
    setattr(sys.modules[package], name, value)
    return value
