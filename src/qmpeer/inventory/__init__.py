"""What a server is: its machine, its guest, its jobs, what it does and what it shows."""
