"""The ways to make a preference pair, one file each."""
