"""Shared: one thread, so that tests are quick beside each other and bit-exact."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

from hypothesis import settings

# Example times say nothing on a shared machine.
settings.register_profile("default", deadline=None)
settings.load_profile("default")
