"""What tests of training and of evaluation share."""

from tiny_gpt import data, make_gpt, model, pairs, same_weights, settings, tok, trained

__all__ = ["data", "make_gpt", "model", "pairs", "same_weights", "settings", "tok", "trained"]
