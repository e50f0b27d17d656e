"""The judge of QMP servers and guest agents: raw bytes in, replies compared with the rules."""
