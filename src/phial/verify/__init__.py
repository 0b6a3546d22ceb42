"""Is this answer right: numbers and algebra by tiers, votes, forms, prose, and programs judged by their unit tests."""
