// The paired difference on each edge of the tree, asked for when its line comes into sight, one after the other; and "/".
"use strict";

const waiting = [];
let isAsking = false;

async function askNext() {
  if (isAsking || !waiting.length) return;
  isAsking = true;
  const cell = waiting.shift();
  try {
    const answer = await fetch(cell.dataset.edge, { headers: { accept: "application/json" } });
    const told = await answer.json();
    cell.replaceChildren(...(told.words ?? []).map((one) => {
      const link = document.createElement("a");
      link.className = "verdict";
      link.dataset.word = one.word;
      link.href = `${cell.dataset.pair}?eval=${encodeURIComponent(one.score.split(" ")[0])}`;
      link.textContent = `${one.score} ${one.difference} (${one.interval}): ${one.word}`;
      return link;
    }));
  } catch {
    cell.textContent = "could not be asked";
  }
  isAsking = false;
  askNext();
}

const watcher = new IntersectionObserver((seen) => {
  for (const one of seen) {
    if (!one.isIntersecting) continue;
    watcher.unobserve(one.target);
    waiting.push(one.target.querySelector("[data-edge]"));
  }
  askNext();
});
document.querySelectorAll("[data-edge]").forEach((cell) => watcher.observe(cell.parentElement));

document.addEventListener("keydown", (pressed) => {
  if (pressed.key !== "/" || pressed.ctrlKey || pressed.metaKey || /^(INPUT|TEXTAREA|SELECT)$/.test(pressed.target.tagName)) return;
  const search = document.getElementById("search");
  if (search) { pressed.preventDefault(); search.focus(); }
});
