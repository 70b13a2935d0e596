"""The criterion of the course: politeness, measured, spoken, and asked for."""
