"""Compile our own QAPI files: `python scripts/compile_schemas.py [--check]`.

QEMU compiles its files into C; ours become `interface.json`, which is read at a server's start.
With --check nothing is written: stale files are listed, and the exit status is 1 if there is one.
"""

import argparse
import sys
from pathlib import Path

from qmpeer.schema import schema_from_qapi
from qmpeer.schema.compiled import compile_schema

PACKAGE = Path(__file__).parent.parent / "src" / "qmpeer"
SOURCES = {
    "monitor/interface.json": "monitor/qapi/monitor.json",
    "options/interface.json": "options/qapi/objects.json",
    "machine/interface.json": "machine/qapi/qapi-schema.json",
    "proxy/extensions.json": "proxy/qapi/extensions.json",
    "proxy/interface.json": "proxy/qapi/control.json",
}
"""By compiled file, the QAPI file from which it is made; that one includes the others."""


def compiled(source: str) -> bytes:
    """Return the compiled form of a file and everything that it includes."""
    return compile_schema(schema_from_qapi(source, lambda name: (PACKAGE / name).read_bytes()))


def run(*, is_check: bool) -> int:
    """Write stale files, or only list them; return the exit status."""
    stale = []
    for name, source in SOURCES.items():
        target, text = PACKAGE / name, compiled(source)
        if not target.exists() or target.read_bytes() != text:
            stale.append(name)
            if not is_check:
                target.write_bytes(text)
    for name in stale if is_check else ():
        print(f"{name} is stale: {SOURCES[name]} has changed; `make fix` compiles it anew")
    return 1 if is_check and stale else 0


def main() -> int:
    """Run the command line above."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--check", action="store_true")
    return run(is_check=parser.parse_args().check)


if __name__ == "__main__":
    sys.exit(main())
