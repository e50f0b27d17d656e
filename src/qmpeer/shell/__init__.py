"""qmp-shell: the monitor at a prompt and in scripts."""
