"""Facts about a running machine: hardware, guest, jobs, load and screen."""
