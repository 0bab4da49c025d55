"""One file for each group of commands; each names its commands in `COMMANDS`."""
