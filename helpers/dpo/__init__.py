"""Direct Preference Optimisation: loss, batches, log-probabilities, training loop, evaluation."""
