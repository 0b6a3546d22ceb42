"""How many requests an endpoint gets at a time."""

from itertools import pairwise

from phial.synth.pace import Pace


def fill(pace: Pace, now: float = 0.0) -> list[int]:
    """Send as many as may be sent; the epochs of their requests."""
    epochs = []
    while pace.is_free(now):
        epochs.append(pace.take())
    return epochs


def test_the_window_doubles_a_round_trip_up_to_its_limit() -> None:
    pace = Pace(4, 50)
    sizes = []
    for _ in range(6):
        epochs = fill(pace)
        sizes.append(len(epochs))
        for _ in epochs:
            pace.succeeded()
            pace.leave()
    assert sizes == [4, 8, 16, 32, 50, 50]


def test_the_window_halves_once_for_all_that_were_under_way_and_then_grows_by_one() -> None:
    pace = Pace(32, 100)
    for epoch in fill(pace):
        pace.throttled(epoch, now=100.0, retry_after=5.0)
        pace.leave()
    assert not pace.is_free(104.9)
    sizes = []
    for _ in range(4):
        epochs = fill(pace, 105.0)
        sizes.append(len(epochs))
        for _ in epochs:
            pace.succeeded()
            pace.leave()
    assert sizes == [16, 16, 17, 18]  # 16 successes at 1 / window add a little less than one


def test_the_longest_rest_that_was_asked_for_counts() -> None:
    pace = Pace(3, 3)
    for epoch, rest in zip(fill(pace), (2.0, 9.0, 1.0), strict=True):
        pace.throttled(epoch, now=0.0, retry_after=rest)
        pace.leave()
    assert not pace.is_free(8.9) and pace.is_free(9.0)


def test_an_endpoint_that_only_fails_rests_longer_and_longer_until_it_answers() -> None:
    pace = Pace(1, 10)
    now, rests = 0.0, []
    for _ in range(20):
        now = max(now, pace.rests_until)
        assert pace.is_free(now)
        pace.failed(pace.take(), now)
        pace.leave()
        rests.append(max(0.0, pace.rests_until - now))
    assert rests[:7] == [0.0] * 7 and rests[7] > 0
    assert all(later > earlier for earlier, later in pairwise(rests[7:14]))
    assert 40 < rests[-1] <= 60
    pace.take()
    pace.succeeded()
    pace.leave()
    before = pace.rests_until
    pace.failed(pace.take(), now + 100)
    assert pace.rests_until == before
