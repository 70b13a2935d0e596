"""The plumbing of the course: one package for each part, named as the notebooks name it."""
