// Curves and parallel coordinates, drawn by plotly from numbers that the page asks for. A chart says nothing by colour
// alone: every curve has a colour and a dash, and a table has the numbers.
"use strict";

const COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#7f7f7f", "#b8a800"]; // Okabe and Ito 2008
const DASHES = ["solid", "dash", "dot"];
const LEAST_WAIT_MS = 2000;
const MOST_WAIT_MS = 30000;
const isDark = matchMedia("(prefers-color-scheme: dark)").matches;
const INK = isDark ? "#e6edf3" : "#1b1f24";
const GRID = isDark ? "#3a434d" : "#d0d7de";
const OPTIONS = { displayModeBar: false, responsive: true };

function layout(more) {
  return {
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font: { color: INK, size: 13 },
    margin: { l: 55, r: 15, t: 15, b: 45 }, hovermode: "closest", ...more,
  };
}

function escaped(text) { // plotly reads a small HTML of its own in names
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

function nameOf(curve, curves) { // runs of one experiment are told apart by the end of their names
  const isAlone = curves.filter((other) => other.experiment === curve.experiment).length === 1;
  return escaped(isAlone ? curve.experiment : `${curve.experiment} ${curve.run.slice(-4)}`);
}

function drawCurves(chart, told, isLog) {
  const isNarrow = innerWidth < 700;
  const traces = told.curves.map((curve, at) => ({
    type: "scatter", mode: "lines", x: curve.steps, y: curve.values, name: nameOf(curve, told.curves),
    line: { color: COLOURS[at % COLOURS.length], dash: DASHES[Math.floor(at / COLOURS.length) % DASHES.length], width: 2 },
    hovertemplate: "step %{x}: %{y:.5g}",
  }));
  const axis = (isLogarithmic, title) => ({ type: isLogarithmic ? "log" : "linear", gridcolor: GRID, zeroline: false, title: { text: title }, automargin: true });
  Plotly.react(chart, traces, layout({
    height: isNarrow ? 320 + 20 * traces.length : 460, showlegend: true, legend: isNarrow ? { orientation: "h", y: -0.25 } : {},
    xaxis: axis(isLog.x, "step"), yaxis: axis(isLog.y, escaped(told.metric)), uirevision: "kept",
  }), OPTIONS);
}

function fillEnds(told) {
  const cell = (text, kind) => { const element = document.createElement(kind); element.textContent = text; return element; };
  document.querySelector("#ends tbody").replaceChildren(...told.curves.map((curve) => {
    const row = document.createElement("tr");
    const name = cell("", "th");
    name.scope = "row";
    const link = cell(curve.run, "a");
    link.href = `/run/${encodeURIComponent(curve.run)}`;
    name.append(link);
    const value = cell("", "td");
    const rows = cell(typeof curve.last === "number" ? curve.last.toPrecision(5) : String(curve.last), "a");
    rows.href = curve.rows;
    value.append(rows);
    const numbers = [cell(curve.num_rows.toLocaleString("en"), "td"), cell((curve.last_step ?? 0).toLocaleString("en"), "td"), value];
    numbers.forEach((one) => { one.className = "number"; });
    row.append(name, ...numbers);
    return row;
  }));
}

function followCurves(form, chart) {
  let wait = LEAST_WAIT_MS;
  let before = "";
  let timer = 0;
  async function draw() {
    clearTimeout(timer);
    const said = new FormData(form);
    const asked = new URLSearchParams(said);
    asked.delete("where");
    form.querySelector("output").textContent = said.get("smooth");
    const log = said.getAll("log");
    try {
      const answer = await fetch(`/curves.json?${asked}`, { headers: { accept: "application/json" } });
      const text = await answer.text();
      const told = JSON.parse(text);
      if (!answer.ok) throw new Error(told.error);
      wait = text === before ? Math.min(MOST_WAIT_MS, 2 * wait) : LEAST_WAIT_MS;
      if (text !== before || chart.dataset.log !== log.join()) {
        drawCurves(chart, told, { x: log.includes("x"), y: log.includes("y") });
        fillEnds(told);
      }
      before = text;
      chart.dataset.log = log.join();
      chart.dataset.drawn = String(Number(chart.dataset.drawn ?? 0) + 1);
      document.getElementById("live").textContent = told.is_live ? "A run goes on: the curves follow it." : "";
      if (told.is_live) timer = setTimeout(draw, wait);
    } catch (error) {
      document.getElementById("live").textContent = `could not be asked: ${error.message}`;
      wait = Math.min(MOST_WAIT_MS, 2 * wait);
      timer = setTimeout(draw, wait);
    }
  }
  form.addEventListener("input", (changed) => { if (changed.target.name !== "where") draw(); });
  draw();
}

function axisOf(values) { // numbers by their size, by their logarithm where they span much; words side by side
  const present = values.filter((value) => value !== null);
  const isNumeric = present.length > 0 && present.every((value) => typeof value === "number");
  if (!isNumeric) {
    const words = [...new Set(values.map((value) => (value === null ? "absent" : String(value))))].sort();
    return { ticks: words, at: (value) => (words.length > 1 ? words.indexOf(value === null ? "absent" : String(value)) / (words.length - 1) : 0.5), tickAt: (at) => (words.length > 1 ? at / (words.length - 1) : 0.5) };
  }
  const low = Math.min(...present);
  const high = Math.max(...present);
  const isLog = low > 0 && high / low >= 50;
  const scale = (value) => (isLog ? Math.log(value) : value);
  const at = (value) => (value === null ? null : high === low ? 0.5 : (scale(value) - scale(low)) / (scale(high) - scale(low)));
  const distinct = [...new Set(present)].sort((a, b) => a - b);
  const shown = distinct.length <= 6 ? distinct : [low, high];
  return { ticks: shown.map((value) => String(Number.isInteger(value) ? value : Number(value.toPrecision(4)))), at, tickAt: (place) => at(shown[place]) };
}

function between(rank) { // from blue by grey to vermilion, which people who see two colours tell apart
  const ends = [[0, 114, 178], [150, 150, 150], [213, 94, 0]];
  const [from, to] = rank < 0.5 ? [ends[0], ends[1]] : [ends[1], ends[2]];
  const part = rank < 0.5 ? 2 * rank : 2 * rank - 1;
  return `rgb(${from.map((one, at) => Math.round(one + (to[at] - one) * part)).join()})`;
}

function drawParallel(chart) {
  const names = JSON.parse(chart.dataset.axes);
  const rows = [...document.querySelectorAll("#lines tbody tr")];
  const lines = rows.map((row) => JSON.parse(row.dataset.values));
  const axes = names.map((_, axis) => axisOf(lines.map((line) => line[axis])));
  const last = axes.length - 1;
  const traces = lines.map((line, at) => {
    const rank = axes[last].at(line[last]);
    return {
      type: "scatter", mode: "lines", x: names.map((_, axis) => axis), y: line.map((value, axis) => axes[axis].at(value)),
      name: escaped(rows[at].querySelector("a").textContent), customdata: names.map(() => rows[at].dataset.run), hoverinfo: "name",
      hoverlabel: { namelength: 60 }, connectgaps: true,
      line: { width: 2, color: between(rank) },
    };
  });
  const annotations = axes.flatMap((axis, number) => axis.ticks.map((tick, at) => ({
    x: number, y: axis.tickAt(at), text: escaped(tick.length > 18 ? `${tick.slice(0, 17)}…` : tick), showarrow: false, xanchor: number === last ? "right" : "left", xshift: number === last ? -4 : 4,
    font: { size: 11, color: INK }, bgcolor: isDark ? "#14181dcc" : "#ffffffcc",
  })));
  const width = Math.max(chart.parentElement.clientWidth, 110 * names.length);
  Plotly.newPlot(chart, traces, layout({
    width, height: 470, showlegend: false, annotations, margin: { l: 40, r: 40, t: 60, b: 15 },
    xaxis: { tickvals: names.map((_, axis) => axis), ticktext: names.map((name) => escaped(name.replaceAll(/[./]/g, "$& ").split(" ").reduce((lines, part) => { const kept = lines.at(-1); return kept && (kept + part).length <= 16 ? [...lines.slice(0, -1), kept + part] : [...lines, part]; }, []).join("\n"))).map((name) => name.replaceAll("\n", "<br>")), side: "top", gridcolor: INK, zeroline: false, range: [-0.05, last + 0.05], fixedrange: true },
    yaxis: { visible: false, range: [-0.06, 1.06], fixedrange: true },
  }), { ...OPTIONS, responsive: false });
  chart.on("plotly_click", (clicked) => { location.href = `/run/${encodeURIComponent(clicked.points[0].customdata)}`; });
  chart.dataset.drawn = "1";
}

const form = document.getElementById("curves");
const kept = document.getElementById("chart")?.dataset.curves; // of a page on disk
if (kept) {
  drawCurves(document.getElementById("chart"), JSON.parse(kept), { x: false, y: true });
  fillEnds(JSON.parse(kept));
  document.querySelectorAll("#ends a").forEach((link) => link.replaceWith(link.textContent)); // they lead nowhere here
}
if (form) followCurves(form, document.getElementById("chart"));
const parallel = document.getElementById("parallel");
if (parallel) drawParallel(parallel);
