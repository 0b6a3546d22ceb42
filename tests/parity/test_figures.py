"""Intervals and tests of evaluations against scipy and statsmodels, on drawn data."""

from __future__ import annotations

import math

import numpy as np
import pytest

stats = pytest.importorskip("scipy.stats")
optimize = pytest.importorskip("scipy.optimize")
models = pytest.importorskip("statsmodels.api")
proportion = pytest.importorskip("statsmodels.stats.proportion")
contingency = pytest.importorskip("statsmodels.stats.contingency_tables")
multitest = pytest.importorskip("statsmodels.stats.multitest")

from phial.evals.paired import holm, mcnemar, paired_means, paired_shares  # noqa: E402
from phial.evals.scores import pass_share  # noqa: E402
from phial.evals.statistics import Z95, amount, difference, mean, ratio, wilson  # noqa: E402
from phial.evals.student import incomplete_beta, t_quantile, two_sided  # noqa: E402

pytestmark = pytest.mark.oracle
DRAW = np.random.default_rng(11)


@pytest.mark.parametrize("freedom", [1, 2, 3.5, 7, 29, 163, 499, 1318, 14041])
def test_the_t_distribution(freedom: float) -> None:
    for share in (0.51, 0.8, 0.9, 0.975, 0.9999):
        assert t_quantile(share, freedom) == pytest.approx(stats.t.ppf(share, freedom), rel=1e-9)
    for statistic in (0.01, 0.7, 1.96, 5.0, 30.0):
        assert two_sided(statistic, freedom) == pytest.approx(2 * stats.t.sf(statistic, freedom), rel=1e-7)
    for x in (0.001, 0.2, 0.5, 0.97):
        expected = stats.beta.cdf(x, freedom / 2, 3)
        assert incomplete_beta(freedom / 2, 3, x) == pytest.approx(expected, rel=1e-8, abs=1e-300)


@pytest.mark.parametrize("items", [3, 30, 164, 500, 1319, 14042])
def test_wilson_and_newcombe(items: int) -> None:
    for right in {0, 1, items // 3, items // 2, items - 1, items}:
        low, high = proportion.proportion_confint(right, items, method="wilson")
        score = wilson(right, items)
        assert (score.low, score.high) == pytest.approx((low, high), abs=1e-12)
        other = wilson(items // 4, items)
        expected = proportion.confint_proportions_2indep(right, items, items // 4, items, method="newcomb")
        assert difference(score, other)[1:] == pytest.approx(expected, abs=1e-9)


def _held(value: float, variance: float, freedom: float) -> tuple[float, float]:
    """Wilson's interval for the count that a variance is worth, with the t quantile."""
    worth = value * (1 - value) / variance
    alpha = 2 * stats.norm.sf(stats.t.ppf(0.975, freedom))
    return proportion.proportion_confint(value * worth, worth, alpha=alpha, method="wilson")


@pytest.mark.parametrize(("items", "repeats"), [(30, 4), (164, 8), (500, 2)])
def test_clustered_means(items: int, repeats: int) -> None:
    scores = DRAW.binomial(1, DRAW.beta(1, 1, items)[:, None], (items, repeats)).astype(float)
    fitted = models.OLS(scores.ravel(), np.ones(scores.size)).fit(
        cov_type="cluster", cov_kwds={"groups": np.repeat(np.arange(items), repeats), "use_correction": False}
    )
    variance = fitted.cov_params()[0, 0] * items / (items - 1)
    estimate = mean(scores.tolist())
    assert estimate.value == pytest.approx(fitted.params[0], rel=1e-12)
    assert (estimate.low, estimate.high) == pytest.approx(_held(fitted.params[0], variance, items - 1), abs=1e-9)


@pytest.mark.parametrize("items", [40, 541])
def test_ratios(items: int) -> None:
    weights = DRAW.integers(1, 4, items).astype(float)
    shares = DRAW.binomial(weights.astype(int), 0.7).astype(float)
    fitted = models.WLS(shares / weights, np.ones(items), weights=weights).fit(
        cov_type="cluster", cov_kwds={"groups": np.arange(items), "use_correction": False}
    )
    variance = fitted.cov_params()[0, 0] * items / (items - 1)
    estimate = ratio(list(zip(shares.tolist(), weights.tolist(), strict=True)))
    assert (estimate.low, estimate.high) == pytest.approx(_held(fitted.params[0], variance, items - 1), abs=1e-9)


def test_amounts() -> None:
    tokens = DRAW.lognormal(5, 1, (200, 3))
    expected = stats.ttest_1samp(tokens.mean(1), 0).confidence_interval(0.95)
    estimate = amount(tokens.tolist())
    assert (estimate.low, estimate.high) == pytest.approx((expected.low, expected.high), rel=1e-9)


@pytest.mark.parametrize("items", [30, 164, 1319])
def test_paired_t(items: int) -> None:
    one, other = DRAW.binomial(4, 0.6, items) / 4, DRAW.binomial(8, 0.5, items) / 8
    expected = stats.ttest_rel(one, other)
    interval = expected.confidence_interval(0.95)
    estimate, p = paired_means((one - other).tolist(), 12 * items)
    assert p == pytest.approx(expected.pvalue, rel=1e-7)
    # Never narrower than the unseen items allow, which may be wider for few items.
    assert estimate.low <= interval.low + 1e-9 and estimate.high >= interval.high - 1e-9
    if items > 100:
        assert (estimate.low, estimate.high) == pytest.approx((interval.low, interval.high), abs=1e-9)


def test_mcnemar_and_holm() -> None:
    p_values = []
    for first, second in DRAW.integers(0, 300, (60, 2)).tolist():
        p_values.append(mcnemar(first, second))
        expected = contingency.mcnemar([[0, first], [second, 0]], exact=True).pvalue
        assert p_values[-1] == pytest.approx(expected, rel=1e-7, abs=1e-300)
    assert holm(p_values) == pytest.approx(multitest.multipletests(p_values, method="holm")[1], rel=1e-9)


@pytest.mark.parametrize("counts", [(12, 2, 50), (53, 16, 100), (3, 3, 40), (90, 40, 1319), (1, 0, 164), (0, 0, 30)])
def test_the_score_interval_of_pairs(counts: tuple[int, int, int]) -> None:
    first, second, items = counts

    def statistic(gap: float) -> float:
        def unlikely(second_share: float) -> float:
            shares = (second_share + gap, second_share, 1 - 2 * second_share - gap)
            seen = (first, second, items - first - second)
            return -sum(n * math.log(max(share, 1e-300)) for n, share in zip(seen, shares, strict=True) if n)

        bounds = (max(0.0, -gap), (1 - gap) / 2)
        share = optimize.minimize_scalar(unlikely, bounds=bounds, method="bounded", options={"xatol": 1e-14}).x
        return (first - second - items * gap) / math.sqrt(items * (2 * share + gap * (1 - gap)))

    gap = (first - second) / items
    low = optimize.brentq(lambda at: statistic(at) - Z95, -1 + 1e-9, gap - 1e-9)
    high = optimize.brentq(lambda at: statistic(at) + Z95, gap + 1e-9, 1 - 1e-9)
    estimate = paired_shares(first, second, items)
    assert (estimate.low, estimate.high) == pytest.approx((low, high), abs=1e-6)


def test_pass_at_k_is_what_the_hypergeometric_distribution_says() -> None:
    for replies, right, k in ((10, 3, 1), (10, 3, 5), (64, 2, 32), (200, 1, 100), (8, 8, 8), (8, 0, 8)):
        assert pass_share(replies, right, k) == pytest.approx(1 - stats.hypergeom.pmf(0, replies, right, k), abs=1e-12)
