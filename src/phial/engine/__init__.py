"""Tokens in, tokens out: decoding with a cache, many requests at a time, without torch."""
