"""How answers are drawn in the protocols that several benchmarks share."""

from __future__ import annotations

from phial.engine.request import Sampling

GREEDY = Sampling(temperature=0.0, max_tokens=2048)
# The Phi-4 report asks the questions of simple-evals at this temperature.
PHI_4 = Sampling(temperature=0.5, max_tokens=2048)
# The model cards of Phi-4-reasoning and Phi-4-mini-reasoning.
PHI_4_REASONING = Sampling(temperature=0.8, top_k=50, top_p=0.95, max_tokens=32_768)
PHI_4_MINI_REASONING = Sampling(temperature=0.8, top_p=0.95, max_tokens=32_768)
