"""The async client, written by hand; the blocking one is generated from much of it.

`scripts/blocking_client.py` says from what, and how.
"""
