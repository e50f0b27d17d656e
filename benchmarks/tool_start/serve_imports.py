"""The imports of other packages that a server needs at least."""

import asyncio
import ssl

import msgspec

print(asyncio.__name__, ssl.__name__, msgspec.__name__)
