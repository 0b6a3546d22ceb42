"""Compiled parts of the training step; without a compiler at installation there are none, and torch does it all."""
