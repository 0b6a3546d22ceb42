from pathlib import Path

import pytest
from checkpoints import random_decoder, tiny_config, write_checkpoint


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random float32 checkpoint."""
    return write_checkpoint(tmp_path_factory.mktemp("checkpoint"), random_decoder(tiny_config()))
