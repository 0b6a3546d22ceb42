"""Win rates: the regression is the one that others fit, the style is taken out, the intervals hold."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from phial.cli_evaluation import app
from phial.errors import PhialError
from phial.evals.arena import fit, table
from phial.evals.log import Log, Run, Sample, write
from phial.evals.pairwise import grade_pair
from phial.evals.task import Item


def drawn(seed, rows=300, columns=4):
    generator = np.random.default_rng(seed)
    features = generator.normal(size=(rows, columns))
    truth = generator.normal(size=columns)
    outcomes = (generator.random(rows) < 1 / (1 + np.exp(-features @ truth))).astype(float)
    outcomes[generator.random(rows) < 0.2] = 0.5
    return features, outcomes, generator.choice([1.0, 3.0], size=rows)


@pytest.mark.parametrize(("seed", "ridge"), [(0, 1e-9), (1, 0.01), (2, 1.0), (3, 30.0)])
def test_the_fit_is_that_of_scikit_learn(seed, ridge):
    linear_model = pytest.importorskip("sklearn.linear_model")
    features, outcomes, weights = drawn(seed)
    # scikit-learn knows no ties: each becomes a win and a loss of half the weight.
    both = linear_model.LogisticRegression(C=1 / ridge, fit_intercept=False, tol=1e-12, max_iter=10_000)
    labels = np.repeat([1, 0], len(outcomes))
    both.fit(np.vstack([features, features]), labels, np.concatenate([weights * outcomes, weights * (1 - outcomes)]))
    np.testing.assert_allclose(fit(features, outcomes, weights, ridge=ridge), both.coef_[0], atol=2e-5)


@pytest.mark.oracle
@pytest.mark.parametrize("seed", range(5))
def test_the_fit_is_that_of_statsmodels(seed):
    statsmodels = pytest.importorskip("statsmodels.api")
    features, outcomes, weights = drawn(seed)
    model = statsmodels.GLM(outcomes, features, family=statsmodels.families.Binomial(), freq_weights=weights)
    np.testing.assert_allclose(fit(features, outcomes, weights, ridge=0.0), model.fit(tol=1e-12).params, atol=1e-7)


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0.1, 3)), min_size=1, max_size=20))
def test_one_model_alone_has_the_share_that_it_won(battles):
    outcomes, weights = (np.array(column) for column in zip(*battles, strict=True))
    share = float((outcomes * weights).sum() / weights.sum())
    (strength,) = fit(np.ones((len(battles), 1)), outcomes, weights, ridge=1e-6)
    assert 1 / (1 + math.exp(-strength)) == pytest.approx(share, abs=1e-3)


def log_of(model, games):
    """A judged log; games: (question, verdict, which stood first, own style, the baseline's)."""
    samples = []
    for question, verdict, first, own, other in games:
        gold = {"question": question, "model": model, "style": [own, other], "first": first}
        item = Item(f"{question}#0:{first}-first", "?", gold)
        answer = verdict or None
        grade = grade_pair(verdict, item) if verdict else None
        samples.append(
            Sample(
                item.id, 0, "?", "", "", "stop", 1, 1, 0.1, (), gold, {}, answer, "last-verdict", False,
                grade.score if grade else 0.5, "", grade.parts if grade else {},
            )
        )  # fmt: skip
    run = Run("arena-hard", "phial", "", "", len(samples), "judge", {}, {}, 1, "", "phial")
    return Log(run, tuple(samples))


PLAIN = [100, 0, 0, 0]


def test_without_style_the_rate_is_arena_hards_weighted_share():
    games = [
        ("a", "A>>B", "model", PLAIN, PLAIN),
        ("a", "A=B", "baseline", PLAIN, PLAIN),
        ("b", "A>B", "baseline", PLAIN, PLAIN),
    ]
    games += [("b", "", "model", PLAIN, PLAIN)]
    (standing,) = table([log_of("m", games)], style_control=False, rounds=200).standings
    assert standing.win_rate == pytest.approx((3 + 0.5) / 5)
    assert (standing.questions, standing.verdicts, standing.without) == (2, 3, 1)
    assert standing.first == 1.0  # both decided verdicts were for what stood first
    assert standing.low < standing.win_rate < standing.high


def test_contradictory_orders_are_counted():
    games = []
    for n in range(10):
        games += [
            (f"q{n}", "A>B", "model", PLAIN, PLAIN),
            (f"q{n}", "A>B" if n < 4 else "B>A", "baseline", PLAIN, PLAIN),
        ]
    (standing,) = table([log_of("m", games)], rounds=50).standings
    assert standing.contradictory == pytest.approx(0.4)
    assert standing.first == pytest.approx((10 + 4) / 20)


def simulated(seed, strength, taste, longer, questions=250):
    """Both orders of judgements by a judge who likes strength, and length with some taste for it."""
    generator = np.random.default_rng(seed)
    games = []
    for number in range(questions):
        own = round(200 * math.exp(generator.normal(longer, 0.7)))
        difference = (own - 200) / (own + 200 + 1)
        for first in ("model", "baseline"):
            won = generator.random() < 1 / (1 + math.exp(-(strength + taste * difference)))
            verdict = "A>B" if won == (first == "model") else "B>A"
            games.append((f"q{number}", verdict, first, [own, 0, 0, 0], [200, 0, 0, 0]))
    return games


def test_style_control_takes_length_out():
    """A model as good as the baseline, but wordy, before a judge who likes many words."""
    logs = [log_of("wordy", simulated(1, 0.0, 3.0, 0.8)), log_of("plain", simulated(2, 0.0, 3.0, 0.0))]
    raw = {one.model: one for one in table(logs, style_control=False, rounds=200).standings}
    found = table(logs, rounds=200)
    fair = {one.model: one for one in found.standings}
    assert raw["wordy"].low > 0.6
    for one in fair.values():
        assert one.low < 0.5 < one.high and abs(one.win_rate - 0.5) < 0.07
    assert found.style["length"] > 0.5 and found.style["bold"] == 0
    centred = {one.model: one.win_rate for one in table(logs, centred=True, rounds=10).standings}
    assert centred["wordy"] > fair["wordy"].win_rate  # the mean of the table is wordier than the baseline


def test_winning_all_leaves_an_interval():
    games = [(f"q{n}", "A>>B", "model", PLAIN, PLAIN) for n in range(30)]
    for style_control in (False, True):
        (standing,) = table([log_of("m", games)], style_control, rounds=50).standings
        assert standing.win_rate > 0.99 and standing.low < 0.93 and standing.high <= 1


def test_the_interval_holds_the_truth_about_as_often_as_it_says():
    strength, hits, runs = 0.6, 0, 120
    truth = 1 / (1 + math.exp(-strength))
    for seed in range(runs):
        (standing,) = table([log_of("m", simulated(seed, strength, 0.0, 0.0, 60))], False, rounds=200).standings
        hits += standing.low <= truth <= standing.high
    assert hits / runs > 0.88


def test_the_same_seed_gives_the_same_table_and_wrong_logs_are_refused():
    log = log_of("m", simulated(1, 0.2, 0.0, 0.0, 20))
    assert table([log], rounds=20) == table([log], rounds=20)
    with pytest.raises(PhialError, match="no verdict"):
        table([log_of("m", [("q", "", "model", PLAIN, PLAIN)])])
    plain = Log(log.run, tuple(Sample(**{**sample.__dict__, "gold": "7"}) for sample in log.samples))
    with pytest.raises(PhialError, match="give the judge's log"):
        table([plain])


def test_the_table_is_printed_by_the_command(tmp_path):
    games = [(f"q{n}", "A>B" if n % 3 else "A=B", "model", PLAIN, PLAIN) for n in range(12)]
    paths = []
    for model in ("one", "other"):
        paths.append(str(tmp_path / f"{model}.jsonl"))
        write(tmp_path / f"{model}.jsonl", log_of(model, games))
    lines = CliRunner().invoke(app, ["arena", *paths, "--as-judged"]).stdout.splitlines()
    assert len(lines) == 2 and lines[0].startswith("one: 83.3 [") and lines[1].startswith("other: 83.3 [")
    assert "12 questions, 12 verdicts, 0 without, 100.0% for the first answer" in lines[0]
