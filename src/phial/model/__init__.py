"""The decoder: its configuration, its blocks and its checkpoints."""
