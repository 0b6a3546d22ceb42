"""Recipes: a TOML file becomes a checked configuration, a graph of stages, and artifacts."""
