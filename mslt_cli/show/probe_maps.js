const data = JSON.parse(document.getElementById("data").textContent), size = 420, tip = document.getElementById("tip");
const hidden = new Set();
function swatch(l) { const dot = document.createElement("span"); dot.textContent = "⬤"; dot.className = "swatch"; dot.ariaHidden = "true"; dot.style.color = data.colours[l]; return dot; }
function shape(g, kind, x, y, r) {
  g.beginPath();
  const n = kind % 4 + (kind % 4 ? 2 : 0);
  if (!n) g.arc(x, y, r, 0, 7);
  else for (let i = 0; i < n; i++) { const t = 2 * Math.PI * i / n - Math.PI / 2 + (kind > 3 ? Math.PI / n : 0);
    g.lineTo(x + 1.3 * r * Math.cos(t), y + 1.3 * r * Math.sin(t)); }
  g.fill();
}
const maps = data.panels.map(panel => {
  const box = document.createElement("figure"), canvas = document.createElement("canvas"), title = document.createElement("figcaption");
  title.textContent = panel.label; canvas.width = canvas.height = 2 * size; canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", "Map of sentences: " + panel.label);
  box.append(title, canvas); document.getElementById("maps").append(box);
  const xs = panel.points.flat().map(p => p[0]), ys = panel.points.flat().map(p => p[1]);
  const low = [Math.min(...xs), Math.min(...ys)], span = [Math.max(...xs) - low[0] || 1, Math.max(...ys) - low[1] || 1];
  const place = p => [30 + (2 * size - 60) * (p[0] - low[0]) / span[0], 2 * size - 30 - (2 * size - 60) * (p[1] - low[1]) / span[1]];
  const at = panel.points.map(some => some.map(place));
  function draw(marked) {
    const g = canvas.getContext("2d"); g.clearRect(0, 0, 2 * size, 2 * size);
    at.forEach((some, l) => { if (hidden.has(l)) return; g.fillStyle = data.colours[l]; g.globalAlpha = .6;
      some.forEach(p => shape(g, l, p[0], p[1], 5)); });
    if (marked !== undefined) { g.globalAlpha = 1; at.forEach((some, l) => { if (hidden.has(l)) return;
      g.fillStyle = data.colours[l]; shape(g, l, some[marked][0], some[marked][1], 12);
      g.strokeStyle = "#000"; g.lineWidth = 2; g.stroke(); }); }
  }
  canvas.addEventListener("pointermove", event => {
    const r = canvas.getBoundingClientRect(), x = (event.clientX - r.left) * 2 * size / r.width, y = (event.clientY - r.top) * 2 * size / r.height;
    let best = 400, found;
    at.forEach((some, l) => { if (!hidden.has(l)) some.forEach((p, i) => { const d = (p[0] - x) ** 2 + (p[1] - y) ** 2; if (d < best) { best = d; found = [l, i]; } }); });
    maps.forEach(m => m(found && found[1]));
    if (!found) { tip.hidden = true; return; }
    tip.replaceChildren(...data.languages.map((name, l) => { const line = document.createElement("p"), who = document.createElement("b"), what = document.createElement("span");
      who.textContent = name + " "; what.textContent = data.texts[l][found[1]]; what.dir = "auto";
      if (l === found[0]) line.className = "here"; line.append(swatch(l), " ", who, what); return line; }));
    tip.hidden = false;
  });
  draw(); return draw;
});
data.languages.forEach((name, l) => { const label = document.createElement("label"), box = document.createElement("input");
  box.type = "checkbox"; box.checked = true; box.onchange = () => { box.checked ? hidden.delete(l) : hidden.add(l); maps.forEach(m => m()); };
  label.append(box, swatch(l), " " + name); document.getElementById("legend").append(label); });
