"""From instruction records to preference pairs: the run, its store, checks, ranking, merging."""
