"""The command line's side of the commands: options, help, and which pipeline does the work."""
