"""The launcher, the making of what ships, and commands for the terminal."""
