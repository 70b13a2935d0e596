"""What the course ships: its facts, its instruction data, and the making of the course models."""
