"""The command line: one file a group of commands. Heavy imports are inside the commands, so that --help is quick."""
