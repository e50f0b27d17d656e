"""Measure both ends of qmpeer beside QEMU and the other QMP clients, and print ratios."""
