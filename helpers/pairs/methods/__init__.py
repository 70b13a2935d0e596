"""The ways to make a preference pair, one file each.

A file `shout.py` that defines `shout_method(settings, llm=None, weak=None)` is a method of `build-preferences`, too,
and the first line of its docstring is its line in the command's help. `llm` is the model that the records are given
to, `weak` the one of `--weak-model`, which the command takes for strong-weak only.
"""
