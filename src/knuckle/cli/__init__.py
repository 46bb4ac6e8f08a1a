"""The `knuckle` command: one thin file a subcommand."""
