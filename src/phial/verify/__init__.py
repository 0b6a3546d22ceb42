"""Is this answer right: final answers compared exactly, and programs judged by their unit tests in the sandbox."""
