"""Procedural teachers: text with known answers, made from small tables and exact arithmetic."""
