"""Alignment: what turns a pretrained decoder into one that answers."""
