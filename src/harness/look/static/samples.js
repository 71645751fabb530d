// Samples by keyboard, and what is said about them. Text goes in by textContent alone: nothing here makes HTML.
"use strict";

const list = document.getElementById("samples");
const samples = [...document.querySelectorAll(".sample")];
const keys = document.getElementById("keys");
const ROWS_AT_ONCE = 50;
const LOOK_MS = 1000; // a sample that was on the screen this long has been looked at
const takesMarks = Boolean(list?.dataset.run); // items of two runs beside each other do not
let current = -1;

function announce(text) {
  document.getElementById("said").textContent = text;
  clearTimeout(announce.timer);
  announce.timer = setTimeout(() => { document.getElementById("said").textContent = ""; }, 4000);
}

function select(at, isQuiet) {
  if (!samples.length) return;
  samples[current]?.classList.remove("now");
  current = Math.max(0, Math.min(samples.length - 1, at));
  samples[current].classList.add("now");
  if (isQuiet) return;
  samples[current].focus({ preventScroll: true });
  samples[current].scrollIntoView({ block: "start" });
}

function step(by) {
  const at = current + by;
  if (at >= 0 && at < samples.length) return select(at);
  document.querySelector(by > 0 ? 'a[rel="next"]' : 'a[rel="prev"]')?.click();
}

// One at a time: an answer that was made before the last thing was said must not come after it and hide that.
let before = Promise.resolve();
function say(event, places, text = "") {
  const told = before.then(() => post(event, places, text));
  before = told.catch(() => {});
  return told;
}

async function post(event, places, text) {
  const { run, eval: name, step } = list.dataset;
  const answer = await fetch("/said", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ run, eval: name, step: Number(step), event, places, text }),
  });
  const told = await answer.json();
  if (!answer.ok) throw new Error(told.error);
  told.samples.forEach(show);
}

function show(said) {
  const sample = document.getElementById(`s${said.place}`);
  sample.dataset.mark = said.mark;
  for (const button of sample.querySelectorAll("[data-say]")) {
    button.setAttribute("aria-pressed", String(button.dataset.say === said.mark));
  }
  const elements = (words, name, kind) => words.map((word) => {
    const element = document.createElement(name);
    element.className = kind;
    element.textContent = word;
    return element;
  });
  sample.querySelector(".tags").replaceChildren(...elements(said.tags, "span", "tag"));
  sample.querySelector(".notes").replaceChildren(...elements(said.notes, "li", ""));
}

async function mark(sample, event) {
  const isTakenBack = sample.dataset.mark === event;
  await said(sample, isTakenBack ? "unmark" : event);
}

async function said(sample, event, text = "") {
  try {
    await say(event, [Number(sample.dataset.place)], text);
    announce({ sample_note: "noted", sample_tag: "tagged", unmark: "taken back" }[event] ?? event);
    return true;
  } catch (error) {
    announce(`NOT written down: ${error.message}`);
    return false;
  }
}

function ask(sample, event) {
  sample.querySelector("form.ask")?.remove();
  const form = document.createElement("form");
  form.className = "ask";
  const label = document.createElement("label");
  const input = document.createElement(event === "sample_note" ? "textarea" : "input");
  label.append(event === "sample_note" ? "note " : "tag ", input);
  const button = document.createElement("button");
  button.textContent = "keep";
  form.append(label, button);
  form.addEventListener("submit", async (submitted) => {
    submitted.preventDefault();
    if (input.value.trim() && !(await said(sample, event, input.value))) return;
    form.remove();
    sample.focus({ preventScroll: true });
  });
  input.addEventListener("keydown", (pressed) => {
    if (pressed.key === "Escape") { form.remove(); sample.focus({ preventScroll: true }); }
    if (pressed.key === "Enter" && !pressed.shiftKey) { pressed.preventDefault(); form.requestSubmit(); }
  });
  sample.append(form);
  input.focus();
}

const onSample = {
  1: (sample) => mark(sample, "pass"),
  0: (sample) => mark(sample, "fail"),
  n: (sample) => ask(sample, "sample_note"),
  t: (sample) => ask(sample, "sample_tag"),
  o: (sample) => sample.querySelector("a.address")?.click(),
};
const onPage = {
  j: () => step(1),
  k: () => step(-1),
  d: () => document.querySelector('[data-key="d"]')?.click(),
  f: () => document.querySelector('[data-key="f"]')?.click(),
  "/": () => document.getElementById("search")?.focus(),
  "?": () => keys?.showModal(),
};

document.addEventListener("keydown", (pressed) => {
  if (pressed.ctrlKey || pressed.altKey || pressed.metaKey || keys?.open) return;
  if (/^(INPUT|TEXTAREA|SELECT)$/.test(pressed.target.tagName)) return;
  const sample = samples[Math.max(0, current)];
  if (onSample[pressed.key] && sample && (takesMarks || pressed.key === "o")) {
    pressed.preventDefault();
    if (current < 0) select(0);
    onSample[pressed.key](sample);
  } else if (onPage[pressed.key]) {
    pressed.preventDefault();
    onPage[pressed.key]();
  }
});

document.getElementById("show-keys")?.addEventListener("click", () => keys.showModal());
samples.forEach((sample, at) => {
  sample.addEventListener("focusin", () => select(at, true));
  sample.addEventListener("click", (clicked) => {
    const button = clicked.target.closest("button");
    if (button?.dataset.say) mark(sample, button.dataset.say);
    if (button?.dataset.ask) ask(sample, button.dataset.ask);
  });
});

// Looking is counted: a sample of which enough was on the screen for a second, sent together.
const waiting = new Map();
let looked = [];
const watcher = new IntersectionObserver((seen) => {
  for (const one of seen) {
    const place = Number(one.target.dataset.place);
    const isSeen = one.isIntersecting && (one.intersectionRatio >= 0.5 || one.intersectionRect.height > innerHeight / 2);
    if (isSeen && !waiting.has(place)) {
      waiting.set(place, setTimeout(() => { looked.push(place); watcher.unobserve(one.target); }, LOOK_MS));
    } else if (!isSeen && waiting.has(place)) {
      clearTimeout(waiting.get(place));
      waiting.delete(place);
    }
  }
}, { threshold: [0, 0.25, 0.5, 0.75, 1] });
if (takesMarks) samples.forEach((sample) => watcher.observe(sample));
setInterval(async () => {
  const places = looked.splice(0, ROWS_AT_ONCE);
  if (!places.length || document.hidden) { looked = [...places, ...looked]; return; }
  try { await say("looked", places); } catch (error) { announce(`NOT counted as looked at: ${error.message}`); }
}, LOOK_MS);

if (location.hash.startsWith("#s")) select(samples.findIndex((sample) => `#${sample.id}` === location.hash), true);
