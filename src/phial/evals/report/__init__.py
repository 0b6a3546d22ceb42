"""The page of an evaluation: facts gathered from sample logs, drawn, and every sample to be looked through."""
