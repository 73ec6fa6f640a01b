"use strict";
const data = JSON.parse(document.getElementById("data").textContent), tip = document.getElementById("tip");
const make = (tag, text = "", about = {}) => Object.assign(document.createElement(tag), {textContent: text, ...about});
const all = (selector, within = document) => [...within.querySelectorAll(selector)];

// Where a number comes from, and what a note says, beside it.
const TOLD = "[data-source], sup a";
let told = null;
const sourceOf = cell => cell.dataset.source.split(" ").map(i => data.pieces[i]).join("; ");
function linesOf(thing) {
  if (!thing.dataset.source) return [document.getElementById(thing.hash.slice(1)).firstElementChild.textContent];
  const row = thing.parentElement, head = thing.closest("table").tHead.rows[0].cells[thing.cellIndex].querySelector("button");
  const labels = all("th", row).filter(cell => cell !== thing), names = labels.map(cell => cell.textContent);
  const further = labels.filter(cell => cell.dataset.source).map(sourceOf);
  return [[...names, head.textContent].join(" · "), sourceOf(thing), ...further];
}
function place() {
  if (!told) return;
  const box = told.getBoundingClientRect(), room = document.documentElement, below = box.bottom + tip.offsetHeight < room.clientHeight;
  tip.style.left = `${Math.max(4, Math.min(box.left, room.clientWidth - tip.offsetWidth - 4))}px`;
  tip.style.top = `${Math.max(0, below ? box.bottom : box.top - tip.offsetHeight)}px`;
}
function tell(thing) {
  if (thing === told) return;
  if (told) told.removeAttribute("aria-describedby");
  told = thing; tip.hidden = !thing;
  if (!thing) return;
  tip.replaceChildren(...linesOf(thing).map((line, i, lines) => make(i || lines.length === 1 ? "p" : "b", line)));
  thing.setAttribute("aria-describedby", "tip");
  place();
}
for (const kind of ["click", "focusin", "mouseover"])
  document.addEventListener(kind, event => { if (!tip.contains(event.target)) tell(event.target.closest(TOLD)); });
addEventListener("scroll", place, true);
addEventListener("resize", place);

// One number of each table is reached by Tab, the others from there by the arrow keys.
function enter(table) {
  const cells = all("[data-source]", table).filter(cell => !cell.parentElement.hidden);
  if (cells.length && !cells.some(cell => cell.tabIndex === 0)) cells[0].tabIndex = 0;
}
all("table").forEach(enter);
const STEPS = {ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1]};
document.addEventListener("keydown", event => {
  if (event.key === "Escape") return tell(null);
  const cell = event.target.closest("[data-source]"), step = STEPS[event.key];
  if (!cell || !step) return;
  const rows = [...cell.closest("tbody").rows].filter(row => !row.hidden);
  let y = rows.indexOf(cell.parentElement), x = cell.cellIndex, next;
  do { y += step[0]; x += step[1]; next = rows[y] && rows[y].cells[x]; } while (next && !next.dataset.source);
  event.preventDefault();
  if (next) { cell.tabIndex = -1; next.tabIndex = 0; next.focus(); }
});

// Sorting: what has no value stays last.
for (const button of all("thead button")) button.addEventListener("click", () => {
  const head = button.parentElement, body = head.closest("table").tBodies[0], up = head.getAttribute("aria-sort") !== "ascending";
  for (const other of head.parentElement.cells) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", up ? "ascending" : "descending");
  const key = row => { const cell = row.cells[head.cellIndex], text = cell.dataset.value ?? cell.textContent; return text === "–" ? "" : text; };
  body.append(...[...body.rows].sort((a, b) => {
    const x = key(a), y = key(b);
    if (x === "" || y === "") return (x === "") - (y === "");
    return (isNaN(x) || isNaN(y) ? x.localeCompare(y) : x - y) * (up ? 1 : -1);
  }));
});

// Long tables are searched by what their rows are called: codes, and the names of languages.
const nameOf = code => Object.hasOwn(data.names, code) ? data.names[code] : "";
const wordsOf = code => `${code} ${nameOf(code)}`.toLowerCase().split(/[\s,]+/).filter(Boolean);
for (const view of all("section.view")) {
  const rows = all("tbody tr", view);
  if (rows.length < 15) continue;
  const input = make("input", "", {type: "search"}), count = make("output"), label = make("label", "Only rows with "), line = make("div", "", {className: "search"});
  const texts = rows.map(row => all("th", row).map(cell => cell.textContent).join(" ").split(/[\s,]+/).flatMap(wordsOf));
  input.addEventListener("input", () => {
    const words = input.value.toLowerCase().split(/[\s,]+/).filter(Boolean);
    rows.forEach((row, i) => { row.hidden = !words.every(word => texts[i].some(text => text.startsWith(word))); });
    count.textContent = words.length ? `${rows.filter(row => !row.hidden).length} of ${rows.length} rows` : "";
    all("table", view).forEach(enter);
  });
  label.append(input); line.append(label, count);
  view.querySelector(".pair").before(line);
}

// Combinations ranked on the targets and languages that a reader chooses: exact under the model of scores.
function rank(model, targets, held, without) {
  const share = 1 / targets.length - 1 / model.targets.length;
  return model.combinations.map((languages, i) => ({
    languages, measured: model.measured[i],
    mean: targets.reduce((sum, t) => sum + model.means[i][t], 0) / targets.length,
    reach: 1.645 * Math.sqrt(Math.max(0, model.variance[i] + share * model.spread[i])),
  })).filter(({languages}) => held.every(x => languages.includes(x)) && !without.some(x => languages.includes(x)))
    .sort((a, b) => b.mean - a.mean);
}
function group(legend, names, checked, changed) {
  const set = make("fieldset"), boxes = names.map(value => make("input", "", {type: "checkbox", value, checked}));
  set.append(make("legend", legend), ...boxes.map(box => { const label = make("label"); label.append(box, `${box.value} ${nameOf(box.value)}`); return label; }));
  set.addEventListener("change", changed);
  return {set, boxes, chosen: () => boxes.flatMap((box, i) => box.checked ? [i] : [])};
}
function buildChooser(model, form, part, said, body) {
  const codes = [...new Set(model.combinations.flat())].sort(), update = () => {
    const chosen = targets.chosen(), rows = chosen.length ? rank(model, chosen, held.chosen().map(i => codes[i]), without.chosen().map(i => codes[i])) : [];
    const expected = row => `${row.mean.toFixed(1)} ±${row.reach.toFixed(1)}`, n = `${rows.length} combination${rows.length === 1 ? "" : "s"}`;
    said.textContent = rows.length ? `${n}; best: ${rows[0].languages.join(",")}, ${expected(rows[0])} (${model.unit})`
      : chosen.length ? "No combination has these languages: free one of them." : "Choose at least one target.";
    body.replaceChildren(...rows.slice(0, 200).map((row, i) => {
      const line = make("tr"), name = make("th", row.languages.join(","), {scope: "row"});
      line.append(name, make("td", i + 1, {className: "n"}), make("td", expected(row), {className: "n"}), make("td", row.measured || "–", {className: "n"}));
      return line;
    }));
  };
  const targets = group("Targets", model.targets, true, update);
  const held = group("Languages that must be in", codes, false, event => { clear(without, event); update(); });
  const without = group("Languages that must not be in", codes, false, event => { clear(held, event); update(); });
  const clear = (other, event) => { const twin = other.boxes[codes.indexOf(event.target.value)]; if (event.target.checked) twin.checked = false; };
  const turn = make("button", "All or no targets", {type: "button", className: "plain"});
  turn.addEventListener("click", () => { const on = targets.chosen().length === 0; for (const box of targets.boxes) box.checked = on; update(); });
  targets.set.append(turn);
  const kept = model.combinations.length, some = `This page has ${kept} of the ${model.outOf} combinations: those that may be best, and some others.`;
  part.textContent = kept < model.outOf ? some : "";
  form.replaceChildren(targets.set, held.set, without.set);
  update();
}
const chooser = document.getElementById("chooser");
if (chooser) {
  const [choice, form, part, said, body] = ["select", "form", ".part", "output", "tbody"].map(name => chooser.querySelector(name));
  const build = () => buildChooser(data.whatIf[choice ? choice.value : 0], form, part, said, body);
  if (choice) choice.addEventListener("change", build);
  form.addEventListener("submit", event => event.preventDefault());
  build(); chooser.hidden = false;
}

for (const prose of all(".prose")) {
  const copy = make("button", "Copy", {type: "button", className: "plain"}), text = all("p", prose).map(p => p.textContent).join("\n");
  copy.addEventListener("click", async () => {
    try { await navigator.clipboard.writeText(text); copy.textContent = "Copied"; } catch { getSelection().selectAllChildren(prose); }
  });
  prose.append(copy);
}
addEventListener("beforeprint", () => { for (const notes of all("details.notes")) notes.open = true; });
if (matchMedia("(max-width: 79.99rem)").matches) document.querySelector("nav details").open = false;
