"""A TOML file with the place of each value, for errors that say where they are."""
