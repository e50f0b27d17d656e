"""Bounds of what is read as a schema, so that none takes for ever or all memory.

QEMU 10.2: 46 files, 1.1 MB together, the largest 0.2 MB; 5 levels of braces and brackets; includes
3 deep.
"""

from typing import Final

__all__ = ["ERRORS", "FILES", "FILE_SIZE", "INCLUDES", "LEVELS", "SCHEMA_SIZE"]

FILE_SIZE: Final = 8 * 1024 * 1024
"""Bytes of one file. Ours."""
SCHEMA_SIZE: Final = 32 * 1024 * 1024
"""Bytes of all files together. Ours."""
FILES: Final = 1000
"""Files of one schema. Ours."""
INCLUDES: Final = 50
"""Files that include one another in a row. Ours."""
LEVELS: Final = 32
"""Braces and brackets open at once. Ours."""
ERRORS: Final = 100
"""Errors reported in one run. Ours."""
