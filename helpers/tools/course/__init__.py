"""How the data and models that ship with the course are made."""
