"""Compiled parts of the training step and of inference; without a compiler at installation there are none."""
