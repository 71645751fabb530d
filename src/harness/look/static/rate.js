// One press, one stored vote, then the next pair. While a press is on its way no other counts, so a held key or a
// second tab can never vote twice: the server takes a vote only for the pair that is next.
"use strict";

const CHOICES = { ArrowLeft: "left", ArrowRight: "right", ArrowDown: "tie", x: "both_bad" };
const pair = document.getElementById("pair");
const said = document.getElementById("said");
const note = document.getElementById("note");
const presses = document.getElementById("presses");
let shownAt = performance.now();

const place = () => document.getElementById("place");
const index = () => Number(place().dataset.index);

function say(text) {
  said.textContent = text;
}

function show(html) {
  pair.innerHTML = html; // the server has escaped every text; scripts are forbidden by the page's policy besides
  presses.hidden = place().dataset.done === "true";
  window.scrollTo(0, 0);
  place().focus();
  shownAt = performance.now();
}

async function send(action, fields) {
  if (pair.ariaBusy === "true") return false;
  pair.ariaBusy = "true";
  const before = index();
  try {
    const answer = await fetch(`/rate/${action}`, {
      method: "POST",
      headers: { "content-type": "application/json", accept: "application/json" },
      body: JSON.stringify(fields),
    });
    const told = await answer.json().catch(() => ({ error: `the server answered ${answer.status}` }));
    say(told.said || told.error || "");
    if (told.html !== undefined && (action !== "note" || !answer.ok)) show(told.html);
    return answer.ok;
  } catch {
    say(`The server is gone. Votes up to pair ${before} are stored; start tools/rate again to go on.`);
    return false;
  } finally {
    pair.ariaBusy = "false";
  }
}

const vote = (choice) => send("vote", { index: index(), choice, ms: Math.round(performance.now() - shownAt) });
const undo = () => (index() > 0 ? send("undo", { index: index() - 1 }) : say("there is nothing to take back"));

function ask() {
  note.hidden = false;
  note.elements.text.focus();
}

function stopAsking() {
  note.hidden = true;
  note.reset();
  place().focus();
}

note.addEventListener("submit", async (event) => {
  event.preventDefault();
  const text = note.elements.text.value;
  if (!text.trim() || (await send("note", { index: index(), text }))) stopAsking();
});

document.getElementById("no-note").addEventListener("click", stopAsking);
document.getElementById("make-note").addEventListener("click", ask);
document.getElementById("undo").addEventListener("click", undo);
for (const button of presses.querySelectorAll("[data-choice]")) {
  button.addEventListener("click", () => vote(button.dataset.choice));
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || event.repeat) return;
  if (!note.hidden) {
    if (event.key === "Escape") stopAsking();
    return;
  }
  if (presses.hidden) return;
  const choice = CHOICES[event.key];
  if (choice) vote(choice);
  else if (event.key === "u") undo();
  else if (event.key === "n") ask();
  else return;
  event.preventDefault();
});

presses.hidden = place().dataset.done === "true";
place().focus();
pair.ariaBusy = "false";
