"""Direct Preference Optimisation: data, log-probabilities, losses, training."""
