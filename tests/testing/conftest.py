"""The project and the mistakes are run by tests, each in its own process."""

collect_ignore = ["mistakes", "project"]
