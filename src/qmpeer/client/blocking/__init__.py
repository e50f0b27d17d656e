"""The blocking client, generated from the async one but for what it does in a way of its own.

`scripts/blocking_client.py` says how. Nothing in here imports asyncio.
"""
