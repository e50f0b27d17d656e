"""The modules of others that a server can't do without."""

import asyncio
import ssl

import msgspec

print(asyncio.__name__, ssl.__name__, msgspec.__name__)
