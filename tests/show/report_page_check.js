// What a browser finds on the page of test_report_page.py, put into `found`.
const root = document.documentElement, $ = (what, within = document) => within.querySelector(what);
if (root.clientWidth < 500) found.page = root.outerHTML;
found.overflow = root.scrollWidth - root.clientWidth;
found.wide = [...document.querySelectorAll("body *")].filter(e => !e.closest(".wide") && e.getBoundingClientRect().right > root.clientWidth).map(e => e.tagName + " " + e.id + " " + e.className);
found.menu = $("nav details").open;
found.beside = $("nav").getBoundingClientRect().right <= $("main").getBoundingClientRect().left;
found.font = parseFloat(getComputedStyle($(".prose strong")).fontSize);
const press = (on, key) => on.dispatchEvent(new KeyboardEvent("keydown", {key, bubbles: true, cancelable: true}));
const tip = document.getElementById("tip"), told = () => tip.hidden ? null : tip.innerText.split(/\n+/);
// A number by Tab and the arrow keys.
const map = $("#trained").closest("section"), cells = [...map.querySelectorAll("table")[0].querySelectorAll("[data-source]")];
found.stops = cells.filter(cell => cell.tabIndex === 0).length;
cells[0].focus(); press(document.activeElement, "ArrowRight"); press(document.activeElement, "ArrowDown");
found.at = document.activeElement.textContent; found.told = told();
found.described = document.activeElement.getAttribute("aria-describedby");
const box = tip.getBoundingClientRect(), cell = document.activeElement.getBoundingClientRect();
found.inside = box.left >= 0 && box.right <= root.clientWidth && box.top >= 0 && box.bottom <= root.clientHeight;
found.clear = box.top >= cell.bottom - 1 || box.bottom <= cell.top + 1;
press(document.activeElement, "Escape"); found.closed = told();
$("#table1").closest("section").querySelector("sup a").focus(); found.note = told();
$("h1").click(); found.away = told();
// Sorting; what has no value stays last.
const own = $("#table1").closest("section").querySelector("table"), head = own.tHead.rows[0].cells[1];
const column = i => [...own.tBodies[0].rows].map(row => row.cells[i].firstChild.textContent).join(" ");
head.querySelector("button").click(); found.up = column(1); found.sort = head.getAttribute("aria-sort");
own.tHead.rows[0].cells[2].querySelector("button").click(); found.last = column(2);
// Searching by language.
const search = $("input[type=search]", map);
search.value = "germ ar"; // a name and a code
 search.dispatchEvent(new Event("input"));
found.rows = [...map.querySelectorAll("tbody tr:not([hidden]) th")].map(th => th.textContent); found.count = $(".search output", map).textContent;
// What if.
const form = document.getElementById("chooser"), sets = form.querySelectorAll("fieldset");
const ranking = () => [...form.querySelectorAll("tbody tr")].map(row => [row.cells[0].textContent, row.cells[2].textContent]);
const set = (i, value) => [...form.querySelectorAll("fieldset")[i].querySelectorAll("input")].find(box => box.value === value).click();
found.first = ranking(); found.part = $(".part", form).textContent; found.measured = [...form.querySelectorAll("tbody tr")].map(row => row.cells[3].textContent);
set(0, "t0"); set(0, "t2"); set(1, "zh"); set(2, "en"); found.chosen = ranking(); found.said = $("output", form).textContent;
set(2, "zh"); found.freed = [...form.querySelectorAll("fieldset")[1].querySelectorAll("input")].filter(box => box.checked).length;
$("fieldset button", form).click(); found.none = $("output", form).textContent;
$("select", form).value = "1"; $("select", form).dispatchEvent(new Event("change")); found.other = ranking(); found.others = $(".part", form).textContent;
