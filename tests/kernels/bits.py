"""Equality to the last bit."""


def same(*arrays):
    """Whether arrays have the same shape and the same bits."""
    first = arrays[0]
    return all(array.shape == first.shape and array.tobytes() == first.tobytes() for array in arrays)


def equal(left, right):
    """Whether quantized vectors have the same bits."""
    return same(left.values, right.values) and same(left.sums, right.sums) and same(left.scales, right.scales)
