"""The report: one page a run, made from its artifacts alone."""
