"""The int4 kernels as tests use them."""

import pytest

from phial.kernels.int4_library import ThreadPool


@pytest.fixture(scope="module")
def choose_build():
    """Which build the calls that follow run."""
    with pytest.MonkeyPatch.context() as patch:
        yield lambda build: patch.setenv("PHIAL_KERNELS", build)


@pytest.fixture(scope="module")
def pool():
    """Three threads, more than the machines at hand have cores."""
    pool = ThreadPool(3)
    yield pool
    pool.close()
