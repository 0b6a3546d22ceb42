"""The t distribution against numbers of scipy 1.17."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phial.evals.student import incomplete_beta, normal_quantile, t_quantile, two_sided

QUANTILES = [
    (0.975, 1, 12.706204736174694), (0.975, 2, 4.302652729749462), (0.975, 5, 2.5705818356363146),
    (0.975, 29, 2.045229642132703), (0.975, 163, 1.974624620966361), (0.975, 1318, 1.9617655127673146),
    (0.8, 1, 1.3763819204711738), (0.8, 2, 1.0606601717798214), (0.8, 29, 0.8541919858818557),
    (0.8, 1318, 0.8418940355137802),
]  # fmt: skip
TAILS = [
    (0.5, 1, 0.7048327646991335), (2.1, 4, 0.10365328631760218), (3.3, 29, 0.0025669142292085896),
    (8.0, 163, 2.1918949839560266e-13), (2.0, 1318, 0.0457051590825917), (40.0, 20, 1.457469655431075e-20),
]  # fmt: skip


@pytest.mark.parametrize(("share", "freedom", "value"), QUANTILES)
def test_quantiles(share: float, freedom: int, value: float) -> None:
    assert t_quantile(share, freedom) == pytest.approx(value, rel=1e-10)


@pytest.mark.parametrize(("statistic", "freedom", "value"), TAILS)
def test_tails(statistic: float, freedom: int, value: float) -> None:
    assert two_sided(statistic, freedom) == pytest.approx(value, rel=1e-9)
    assert two_sided(-statistic, freedom) == two_sided(statistic, freedom)


@pytest.mark.parametrize(
    ("a", "b", "x", "value"),
    [(0.5, 0.5, 0.3, 0.36901011956554536), (14.5, 0.5, 0.9, 0.08307466551442916), (2, 3, 0.4, 0.5248),
     (80, 0.5, 0.999, 0.6895429151851584), (2, 3, 0, 0), (2, 3, 1, 1)],
)  # fmt: skip
def test_the_incomplete_beta_function(a: float, b: float, x: float, value: float) -> None:
    assert incomplete_beta(a, b, x) == pytest.approx(value, rel=1e-11)


@given(st.floats(0.55, 0.9999), st.floats(1, 1e6))
def test_a_quantile_has_its_tail(share: float, freedom: float) -> None:
    assert two_sided(t_quantile(share, freedom), freedom) == pytest.approx(2 * (1 - share), rel=1e-8)


def test_with_many_degrees_of_freedom_it_is_the_normal_distribution() -> None:
    assert t_quantile(0.975, 1e6) == pytest.approx(normal_quantile(0.975), rel=2e-6)


def test_an_infinite_statistic_has_no_tail() -> None:
    assert two_sided(float("inf"), 5) == 0.0


@pytest.mark.parametrize(("share", "freedom"), [(0.5, 3), (1.0, 3), (0.9, 0)])
def test_what_has_no_quantile_is_refused(share: float, freedom: float) -> None:
    with pytest.raises(ValueError, match="no t quantile"):
        t_quantile(share, freedom)
