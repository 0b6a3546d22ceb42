// The samples of the page: unpacked, filtered, listed a screenful at a time, and opened.
// Strangers' text only ever becomes text nodes.
"use strict";
(async () => {
  const NONE = 1, TRUNCATED = 2, DISAGREE = 4, BETTER = 8, WORSE = 16, CLEAN = 32, PARTIAL = 64, DIRTY = 128; // as in samples.py
  const OUTCOMES = [["wrong", "✗"], ["right", "✓"], ["partly", "◐"]];
  const MARKS = { none: NONE, truncated: TRUNCATED, disagree: DISAGREE, better: BETTER, worse: WORSE, clean: CLEAN, partial: PARTIAL, dirty: DIRTY };
  const NO_RULE = "(none)";
  const SPARE = 3; // rows kept ready above and below what is seen
  const MOST_MARKED = 400;

  const find = (id) => document.getElementById(id);
  const list = find("list"), rail = find("rail"), sheet = find("sheet"), told = find("told"), browser = find("browser");
  const form = { task: find("by-task"), model: find("by-model"), rule: find("by-rule"), tag: find("by-tag"),
    mark: find("by-mark"), text: find("by-text") };
  const chips = [...document.querySelectorAll("#chips [aria-pressed]")];

  function make(tag, name, ...content) {
    const element = document.createElement(tag);
    if (name) element.className = name;
    element.append(...content);
    return element;
  }

  // ── unpacking ──
  const turn = () => new Promise((resolve) => { const { port1, port2 } = new MessageChannel(); port1.onmessage = resolve; port2.postMessage(0); });

  async function unpack(element) {
    const letters = atob(element.textContent), bytes = new Uint8Array(letters.length);
    for (let at = 0; at < letters.length; at++) bytes[at] = letters.charCodeAt(at);
    element.remove();
    return JSON.parse(await new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text());
  }

  // A list that comes in parts; a part is unpacked when something of it is first asked for.
  class Parted {
    constructor(kind, starts) {
      this.starts = starts;
      this.elements = [...document.querySelectorAll(`script[data-part="${kind}"]`)];
      this.parts = starts.map(() => null);
    }
    of(number) {
      let low = 0, high = this.starts.length - 1;
      while (low < high) { const middle = (low + high + 1) >> 1; if (this.starts[middle] <= number) low = middle; else high = middle - 1; }
      return low;
    }
    part(which) { return (this.parts[which] ??= unpack(this.elements[which]).then((things) => (this.parts[which] = things))); }
    async get(number) { const which = this.of(number); return (await this.part(which))[number - this.starts[which]]; }
  }

  const index = await unpack(find("index"));
  const total = index.item.length;
  const prompts = new Parted("prompts", index.prompts), texts = new Parted("texts", index.texts);
  const task = (at) => index.items[index.item[at]][0];
  const beside = new Map(); // every reply to an item
  for (let at = 0; at < total; at++) {
    const others = beside.get(index.item[at]);
    if (others) others.push(at); else beside.set(index.item[at], [at]);
  }

  function offer(field, every, names, titles = names) { // nothing to choose from is nothing to show
    field.replaceChildren(new Option(every, ""), ...names.map((name, place) => new Option(titles[place], name)));
    field.hidden = names.length < 2 && field !== form.mark || !names.length;
  }
  const rules = index.rules.map((rule) => rule || NO_RULE);
  const marked = index.mark.reduce((all, mark) => all | mark, 0);
  const titles = { disagree: "extractors disagree", better: "better than the baseline", worse: "worse than the baseline",
    clean: "clean", partial: "partly seen in training", dirty: "seen in training" };
  offer(form.task, "every task", index.tasks);
  offer(form.model, "every model", index.models);
  offer(form.rule, "every rule", rules);
  offer(form.tag, "every tag", index.tags);
  const usable = Object.keys(titles).filter((name) => marked & MARKS[name]);
  offer(form.mark, "every mark", usable, usable.map((name) => titles[name]));
  for (const chip of chips) chip.hidden = chip.value === "partly" && !index.outcome.includes(2);

  // ── filtering ──
  let wanted = {}, pattern = null, shown = Int32Array.from({ length: total }, (_, at) => at), chosen = -1, round = 0;

  const outcomeIs = (at, name) => !name || (MARKS[name] ? index.mark[at] & MARKS[name] : OUTCOMES[index.outcome[at]][0] === name);

  function fitting() {
    const numbers = [[index.tasks, wanted.task], [index.models, wanted.model], [rules, wanted.rule], [index.tags, wanted.tag]];
    const [ofTask, ofModel, ofRule, ofTag] = numbers.map(([names, name]) => (name ? names.indexOf(name) : -1));
    const found = [];
    for (let at = 0; at < total; at++) {
      if ((ofTask < 0 || task(at) === ofTask) && (ofModel < 0 || index.model[at] === ofModel) &&
        (ofRule < 0 || index.rule[at] === ofRule) && (!wanted.mark || index.mark[at] & MARKS[wanted.mark]) &&
        (ofTag < 0 || index.items[index.item[at]][4].includes(ofTag))) found.push(at);
    }
    return found;
  }

  async function search(candidates, mine) {
    const hits = [], asked = new Map();
    let rested = performance.now();
    for (let which = 0; which < prompts.starts.length; which++) {
      (await prompts.part(which)).forEach((prompt, place) => {
        const text = typeof prompt === "string" ? prompt : prompt.map((message) => message[1]).join("\n");
        if (pattern.test(text)) asked.set(prompts.starts[which] + place, true);
      });
      if (performance.now() - rested > 8) { await turn(); rested = performance.now(); if (mine !== round) return null; }
    }
    for (const at of candidates) {
      const which = texts.of(at);
      const part = Array.isArray(texts.parts[which]) ? texts.parts[which] : await texts.part(which);
      const text = part[at - texts.starts[which]];
      if (asked.has(index.prompt[at]) || pattern.test(text[0]) || pattern.test(text[1]) || pattern.test(text[2]) ||
        pattern.test(text[3] ?? "") || pattern.test(text[4]) || pattern.test(index.items[index.item[at]][1])) hits.push(at);
      if (performance.now() - rested > 8) { await turn(); rested = performance.now(); if (mine !== round) return null; }
    }
    return hits;
  }

  async function filter(asked = true) {
    const mine = ++round;
    wanted = Object.fromEntries(Object.entries(form).map(([name, field]) => [name, field.value]));
    wanted.outcome = chips.find((chip) => chip.getAttribute("aria-pressed") === "true").value;
    pattern = wanted.text ? new RegExp(wanted.text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"), "iu") : null;
    let candidates = fitting();
    if (pattern) {
      browser.setAttribute("aria-busy", "true");
      candidates = await search(candidates, mine);
      if (candidates === null) return;
      browser.removeAttribute("aria-busy");
    }
    for (const chip of chips) chip.lastElementChild.textContent = candidates.reduce((sum, at) => sum + (outcomeIs(at, chip.value) ? 1 : 0), 0).toLocaleString("en");
    const open = chosen < 0 ? -1 : shown[chosen];
    shown = Int32Array.from(candidates.filter((at) => outcomeIs(at, wanted.outcome)));
    told.textContent = `${shown.length.toLocaleString("en")} of ${total.toLocaleString("en")} samples`;
    rail.style.height = `${shown.length * height}px`;
    chosen = open < 0 ? -1 : shown.indexOf(open);
    list.scrollTop = 0;
    draw(true);
    if (chosen >= 0) see(chosen);
    else if (shown.length && wide.matches) choose(0, false);
    else if (!shown.length) sheet.replaceChildren(make("p", "empty", "No sample fits."));
    if (asked) address();
  }

  function address() {
    const said = new URLSearchParams(Object.entries(wanted).filter(([, value]) => value !== ""));
    history.replaceState(null, "", `#samples${said.size ? `?${said}` : ""}`);
  }

  function follow() { // a link of the page such as #samples?task=0&outcome=none
    const [place, query] = location.hash.split("?");
    if (place !== "#samples" || query === undefined) return false;
    const asked = new URLSearchParams(query);
    for (const [name, field] of Object.entries(form)) field.value = asked.get(name) ?? "";
    for (const field of Object.values(form)) if (field.selectedIndex === -1) field.value = "";
    press(chips.find((chip) => chip.value === asked.get("outcome")) ?? chips[0]);
    chosen = -1;
    filter();
    find("samples").scrollIntoView();
    return true;
  }

  function press(pressed) { for (const chip of chips) chip.setAttribute("aria-pressed", String(chip === pressed)); }

  // ── the list ──
  const wide = matchMedia("(min-width: 900px)");
  let height = 1, rows = [];

  function measure() {
    height = parseFloat(getComputedStyle(list).getPropertyValue("--row")) || 40;
    const needed = Math.ceil(list.clientHeight / height) + 2 * SPARE;
    if (rows.length !== needed) {
      rows = Array.from({ length: needed }, () => {
        const row = make("div", "row", make("span", "mark"), make("span", "question"), make("span", "stated"), make("span", "whose"));
        row.setAttribute("role", "option");
        row.at = -1;
        return row;
      });
      rail.replaceChildren(...rows);
    }
    rail.style.height = `${shown.length * height}px`;
    draw(true);
  }

  function draw(afresh) {
    const first = Math.max(0, Math.min(Math.floor(list.scrollTop / height) - SPARE, shown.length - rows.length));
    for (let place = first; place < first + rows.length; place++) {
      const row = rows[place % rows.length];
      if (row.at !== place || afresh) fill(row, place);
    }
  }

  function fill(row, place) {
    row.at = place;
    row.hidden = place >= shown.length;
    if (row.hidden) return;
    const at = shown[place], [of, , question, gold] = index.items[index.item[at]], mark = index.mark[at];
    const [name, sign] = OUTCOMES[index.outcome[at]], [sigil, words, stated, whose] = row.children;
    row.id = `row-${place}`;
    row.style.transform = `translateY(${place * height}px)`;
    row.setAttribute("aria-setsize", shown.length);
    row.setAttribute("aria-posinset", place + 1);
    row.setAttribute("aria-selected", String(place === chosen));
    sigil.className = `mark ${name}`;
    sigil.textContent = sign;
    sigil.setAttribute("aria-label", name);
    words.textContent = question || "(no question)";
    stated.textContent = mark & NONE ? (mark & TRUNCATED ? "cut off" : "no answer") : index.answer[at];
    stated.classList.toggle("faint", Boolean(mark & NONE));
    if (index.outcome[at] !== 1 && gold) stated.append(make("span", "faint", " ≠ "), gold);
    whose.textContent = [index.tasks.length > 1 && index.tasks[of], index.models.length > 1 && index.models[index.model[at]],
      index.repeat[at] && `reply ${index.repeat[at] + 1}`].filter(Boolean).join(" · ");
    if (index.models.length > 1) whose.prepend(make("i", `key m${index.model[at] % 12}`));
  }

  function see(place) {
    const top = place * height;
    if (top < list.scrollTop) list.scrollTop = top;
    else if (top + height > list.scrollTop + list.clientHeight) list.scrollTop = top + height - list.clientHeight;
    draw(false);
  }

  function choose(place, look = true) {
    chosen = Math.max(0, Math.min(place, shown.length - 1));
    if (!shown.length) return;
    for (const row of rows) row.setAttribute("aria-selected", String(row.at === chosen));
    see(chosen);
    list.setAttribute("aria-activedescendant", `row-${chosen}`);
    open(shown[chosen]);
    if (look) browser.classList.add("opened");
  }

  // ── one sample ──
  function highlighted(text) {
    const pre = make("pre");
    if (!pattern) { pre.textContent = text; return pre; }
    let last = 0, marked = 0;
    for (const hit of text.matchAll(new RegExp(pattern, "giu"))) {
      if (++marked > MOST_MARKED) break;
      pre.append(text.slice(last, hit.index), make("mark", "", hit[0]));
      last = hit.index + hit[0].length;
    }
    pre.append(text.slice(last));
    return pre;
  }

  function folded(title, text, open = false) {
    const details = make("details", "", make("summary", "", `${title}, ${text.length.toLocaleString("en")} characters`), highlighted(text));
    details.open = open || Boolean(pattern?.test(text));
    return details;
  }

  function fact(terms, name, ...value) {
    if (value.every((one) => one === null || one === undefined || one === "")) return;
    terms.append(make("div", "", make("dt", "", name), make("dd", "", ...value)));
  }

  const three = (value) => (typeof value === "number" ? +value.toPrecision(3) : value);

  async function open(at) {
    const text = await texts.get(at), prompt = await prompts.get(index.prompt[at]);
    if (shown[chosen] !== at) return; // another one was chosen meanwhile
    const [reply, reasoning, gold, answer, detail, finish, score, asked, tokens, seconds, cpu, joules, parts, options, others] = text;
    const [of, id, , , tags] = index.items[index.item[at]], mark = index.mark[at];
    const [name, sign] = OUTCOMES[index.outcome[at]];
    const close = make("button", "back", "‹ all samples");
    close.onclick = () => { browser.classList.remove("opened"); list.focus(); };
    const head = make("h3", "", make("span", `mark ${name}`, sign), ` ${id}`);
    const under = make("p", "note", [index.tasks[of], index.models[index.model[at]], ...tags.map((tag) => index.tags[tag])].join(" · "));
    const content = [close, head, under];

    const replies = beside.get(index.item[at]);
    if (replies.length > 1) {
      const strip = make("p", "strip");
      strip.setAttribute("aria-label", "all replies to this question");
      for (const other of replies) {
        const [kind, letter] = OUTCOMES[index.outcome[other]];
        const whose = [index.models.length > 1 && index.models[index.model[other]], index.repeat[other] + 1].filter(Boolean).join(", reply ");
        const button = make("button", "", make("span", `mark ${kind}`, letter));
        if (index.models.length > 1 && index.repeat[other] === 0) button.append(" ", index.models[index.model[other]]);
        button.title = `${whose}: ${index.mark[other] & NONE ? "no answer" : index.answer[other]}`;
        button.setAttribute("aria-label", `${whose}: ${kind}`);
        button.setAttribute("aria-current", String(other === at));
        button.onclick = () => go(other);
        strip.append(button);
      }
      content.push(strip);
    }

    const terms = make("dl", "plain");
    const rule = index.rules[index.rule[at]];
    fact(terms, "answer", answer === null ? make("span", "empty", mark & TRUNCATED ? "none: cut off" : "none found") : make("code", "", answer),
      rule ? make("span", "faint", `  by ${rule}`) : "");
    fact(terms, "right answer", make("code", "", gold));
    if (index.outcome[at] === 2) fact(terms, "score", String(three(score)));
    fact(terms, "because", detail);
    for (const [other, read, by, worth] of others) {
      fact(terms, other, read === null ? make("span", "empty", "none found") : make("code", "", read), make("span", "faint", `${by ? `  by ${by}` : ""}, score ${three(worth)}`));
    }
    for (const [part, share, weight] of parts) fact(terms, part, `${three(share)} of ${three(weight)}`);
    fact(terms, "cost", [asked !== null && `${asked.toLocaleString("en")} tokens asked`, tokens !== null && `${tokens.toLocaleString("en")} answered`,
      `${three(seconds)} s`, cpu !== null && `${three(cpu)} s of CPU`, joules !== null && `${three(joules)} J`, finish !== "stop" && `ended by ${finish}`].filter(Boolean).join(", "));
    content.push(terms);

    content.push(make("h4", "", "Question"));
    if (typeof prompt === "string") content.push(highlighted(prompt));
    else for (const [role, words] of prompt) content.push(role === "system" ? folded("system", words) : make("div", `said ${role === "assistant" ? "assistant" : "user"}`, make("span", "faint", role), highlighted(words)));

    if (options.length) {
      content.push(make("h4", "", "Options, by log probability"));
      content.push(make("pre", "", options.map(([logprob, count], place) => `${place + 1}  ${typeof logprob === "number" ? logprob.toFixed(3) : logprob}  (${count} tokens)`).join("\n")));
    } else {
      const closed = reply.lastIndexOf("</think>");
      const thought = closed < 0 ? "" : reply.slice(0, closed + 8), said = closed < 0 ? reply : reply.slice(closed + 8);
      content.push(make("h4", "", "Reply"));
      if (reasoning) content.push(folded("thinking", reasoning));
      if (thought) content.push(folded("thinking", thought));
      content.push(said.trim() ? highlighted(said.trim()) : make("p", "empty", reply || reasoning ? "nothing after the thinking" : "empty"));
    }
    sheet.replaceChildren(...content);
    sheet.scrollTop = 0;
  }

  function go(at) { // to a sample that the filters may hide
    let place = shown.indexOf(at);
    if (place < 0) {
      for (const field of Object.values(form)) field.value = "";
      press(chips[0]);
      chosen = -1;
      shown = Int32Array.from([at]);
      filter().then(() => choose(shown.indexOf(at)));
    } else choose(place);
  }

  // ── hands ──
  let drawing = false, typing = 0;
  list.addEventListener("scroll", () => {
    if (drawing) return;
    drawing = true;
    requestAnimationFrame(() => { drawing = false; draw(false); });
  }, { passive: true });
  list.addEventListener("click", (event) => { const row = event.target.closest(".row"); if (row) choose(row.at); });
  list.addEventListener("keydown", (event) => {
    const page = Math.max(1, Math.floor(list.clientHeight / height) - 1);
    const step = { ArrowDown: 1, ArrowUp: -1, j: 1, k: -1, PageDown: page, PageUp: -page, Home: -total, End: total }[event.key];
    if (event.key === "Enter" || event.key === " ") { choose(Math.max(chosen, 0)); sheet.focus(); }
    else if (step && !event.ctrlKey && !event.metaKey && !event.altKey) choose((chosen < 0 && step > 0 ? -1 : chosen) + step, false);
    else return;
    event.preventDefault();
  });
  sheet.addEventListener("keydown", (event) => { if (event.key === "Escape") { browser.classList.remove("opened"); list.focus(); } });
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && !/^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement.tagName)) { event.preventDefault(); form.text.focus(); }
  });
  form.text.addEventListener("input", () => { clearTimeout(typing); typing = setTimeout(() => filter(), 120); });
  for (const [name, field] of Object.entries(form)) if (name !== "text") field.addEventListener("change", () => filter());
  for (const chip of chips) chip.addEventListener("click", () => { press(chip); filter(); });
  find("clear").addEventListener("click", () => { for (const field of Object.values(form)) field.value = ""; press(chips[0]); filter(); });
  addEventListener("hashchange", follow);
  new ResizeObserver(measure).observe(list);

  browser.hidden = false;
  find("loading").remove();
  measure();
  if (!follow()) filter(false);
})().catch((error) => {
  const place = document.getElementById("loading") ?? document.getElementById("told");
  place.textContent = `The samples cannot be shown: ${error}. A browser of 2023 or later is needed.`;
});
