"""The modules of others that every server needs."""

import asyncio
import ssl

import msgspec

print(asyncio.__name__, ssl.__name__, msgspec.__name__)
