"""How fluid the page of an evaluation is with many samples, in a real browser, against all rows laid out at once.

Needs playwright and a Chromium: python bench/eval_page.py --samples 10000 --browser /usr/bin/chromium
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

from phial.evals.log import Run, Sample, line
from phial.evals.report.page import write_report

FRAME = 1000 / 60  # milliseconds of a frame at 60 a second: the limit
TEXT = "the train that leaves at noon carries seven boxes of apples and each box weighs twice what the next one does"
WORDS = tuple(TEXT.split())

# Scrolls a step a frame, by so many pixels or (0) to anywhere, so that every row is another; tells each frame's time.
SCROLL = """async ([steps, pixels]) => {
  const scrolled = document.getElementById('list') ?? document.scrollingElement, times = [];
  await new Promise((done) => { let step = 0, before = performance.now();
    const next = (now) => { times.push(now - before); before = now;
      if (step++ === steps) return done();
      if (pixels) scrolled.scrollTop += pixels;
      else scrolled.scrollTop = (scrolled.scrollHeight - scrolled.clientHeight) * ((step * 7919) % steps) / steps;
      requestAnimationFrame(next); };
    requestAnimationFrame(next); });
  return times.slice(1); }"""

# Types a word and waits until the list shows what was found.
SEARCH = """async (word) => {
  const field = document.getElementById('by-text'), told = document.getElementById('told'), before = told.textContent;
  const start = performance.now();
  field.value = word; field.dispatchEvent(new Event('input'));
  let longest = 0, last = performance.now();
  while (told.textContent === before) {
    await new Promise(requestAnimationFrame);
    longest = Math.max(longest, performance.now() - last); last = performance.now();
  }
  return [performance.now() - start, longest, told.textContent]; }"""


def written(path: Path, samples: int, model: str, share: float) -> Path:
    """A log of made-up replies of about 2,000 characters."""
    chance = random.Random(model)
    sampling = {"temperature": 0.0, "max_tokens": 1024}
    run = Run("made", "phial", "made-up replies", "0" * 64, samples, model, {}, sampling, 1, "", "phial")
    with path.open("w", encoding="utf-8") as file:
        file.write(line(run))
        for number in range(samples):
            question = " ".join(random.Random(number).choices(WORDS, k=60))
            reply = " ".join(chance.choices(WORDS, k=400)) + f" item{number}" + " tenth" * (number % 10 == 0)
            right = float(chance.random() < share)
            file.write(
                line(
                    Sample(
                        item=f"item-{number}",
                        repeat=0,
                        prompt=(("user", question),),
                        reply=reply,
                        reasoning="",
                        finish="stop",
                        prompt_tokens=80,
                        tokens=500,
                        seconds=4.0,
                        options=(),
                        gold="12",
                        tags={"subject": f"subject {number % 20}"},
                        answer="12" if right else "13",
                        rule="boxed",
                        truncated=False,
                        score=right,
                        cpu_seconds=8.0,
                    )
                )
            )
    return path


def laid_out(path: Path, logs: list[Path]) -> Path:
    """The peer: the same samples, each a row of the document that opens."""
    rows = []
    for log in logs:
        for text in log.read_text(encoding="utf-8").splitlines()[1:]:
            sample = json.loads(text)
            asked, reply = sample["prompt"][0][1], sample["reply"]
            rows.append(f"<details><summary>{asked[:160]}</summary><pre>{asked}</pre><pre>{reply}</pre></details>")
    path.write_text("<!doctype html><meta charset=utf-8>" + "\n".join(rows), encoding="utf-8")
    return path


def busy(session: Any) -> float:
    """Milliseconds of its core that the page's main thread has used; the rest of a frame's time is others' doing."""
    metrics = session.send("Performance.getMetrics")["metrics"]
    return 1000 * next(metric["value"] for metric in metrics if metric["name"] == "TaskDuration")


def main() -> None:
    """Measure both pages in turns."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=10_000)
    parser.add_argument("--browser", default="/usr/bin/chromium")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=120)
    asked = parser.parse_args()
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as name, sync_playwright() as driver:
        folder = Path(name)
        logs = [written(folder / f"{m}.jsonl", asked.samples // 2, m, s) for m, s in (("small", 0.4), ("large", 0.6))]
        start = time.perf_counter()
        page = write_report(logs, folder / "page.html")
        making = time.perf_counter() - start
        peer = laid_out(folder / "peer.html", logs)
        browser = driver.chromium.launch(
            executable_path=asked.browser, args=["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
        )
        found: dict[str, list[float]] = defaultdict(list)
        for number in range(asked.rounds):
            for file, prefix in ((page, ""), (peer, "peer_")):
                tab = browser.new_page(viewport={"width": 1280, "height": 900})
                start = time.perf_counter()
                tab.goto(file.as_uri(), timeout=600_000)
                if not prefix:
                    tab.wait_for_selector("#browser:not([hidden]) .row")
                    tab.evaluate("() => document.getElementById('samples').scrollIntoView()")
                tab.evaluate("() => new Promise(requestAnimationFrame)")
                found[f"{prefix}ready_seconds"].append(time.perf_counter() - start)
                session = tab.context.new_cdp_session(tab)
                session.send("Performance.enable", {"timeDomain": "threadTicks"})
                for way, pixels in (("roll", 400), ("jump", 0)):
                    before = busy(session)
                    found[f"{prefix}{way}_frame_ms"] += tab.evaluate(SCROLL, [asked.steps, pixels])
                    found[f"{prefix}{way}_cpu_ms"].append((busy(session) - before) / asked.steps)
                if not prefix:
                    for word in ("TENTH", f"item{asked.samples // 2 - 1 - number}"):  # in some; in one of each log
                        took, stall, _ = tab.evaluate(SEARCH, word)
                        found["search_ms"].append(took)
                        found["longest_stall_ms"].append(stall)
                tab.close()
        browser.close()
        result = {
            "samples": asked.samples,
            "page_megabytes": page.stat().st_size / 1e6,
            "log_megabytes": sum(log.stat().st_size for log in logs) / 1e6,
            "peer_megabytes": peer.stat().st_size / 1e6,
            "making_seconds": making,
            **{name: statistics.median(values) for name, values in found.items()},
            "limit_frame_ms": FRAME,
            "ratio_ready": statistics.median(found["peer_ready_seconds"]) / statistics.median(found["ready_seconds"]),
            "ratio_jump_cpu": statistics.median(found["peer_jump_cpu_ms"]) / statistics.median(found["jump_cpu_ms"]),
        }
    for key, value in result.items():
        print(f"{key:>22}  {value:,.2f}" if isinstance(value, float) else f"{key:>22}  {value:,}")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
