"""`python3 -m helpers`: sets up the environment, opens the course, runs it, tests it."""
