"""A Sphinx extension: the domain `qapi` for commands, events and types, as QEMU's manual has it.

A project loads it in its ``conf.py``: ``extensions = ["qmpeer.sphinx_domain"]``. It needs Sphinx,
which the extra ``docs`` installs. The pages that ``qmpeer docs --format sphinx`` writes are made of
its directives; pages written by hand can use them too.

Spec: QEMU's "The Sphinx QAPI Domain".
"""

from qmpeer.sphinx_domain.extension import setup

__all__ = ["setup"]
