"""The command line: subcommands and exit codes, nothing else."""
