"""Evaluation: tasks, graded sample logs and statistics with intervals."""
