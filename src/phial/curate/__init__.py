"""Choosing training text: exact deduplication, decontamination, mixing, and the funnel that counts it all."""
