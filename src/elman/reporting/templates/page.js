"use strict";
const dark = matchMedia("(prefers-color-scheme: dark)");
const said = document.getElementById("said");

function say(text) {
  said.textContent = text;
  clearTimeout(say.timer);
  say.timer = setTimeout(() => { said.textContent = ""; }, 4000);
}

async function unpackPlotly() {
  const element = document.getElementById("plotly");
  const packed = await fetch(`data:application/gzip;base64,${element.textContent}`);
  element.remove();
  const stream = packed.body.pipeThrough(new DecompressionStream("gzip"));
  const script = document.createElement("script");
  script.textContent = await new Response(stream).text();
  document.head.append(script);
}

/** The page's colours for a layout, as plotly's relayout takes them; axes are those that the figure has. */
function colours(layout) {
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(name).trim();
  const found = {
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    "font.color": colour("--ink"), "font.family": "system-ui, sans-serif",
    "hoverlabel.bgcolor": colour("--card"), "hoverlabel.font.color": colour("--ink"),
  };
  for (const axis of Object.keys(layout).filter((key) => /^[xy]axis\d*$/.test(key))) {
    for (const line of ["gridcolor", "zerolinecolor", "linecolor"]) found[`${axis}.${line}`] = colour("--line");
  }
  return found;
}

function themed(layout) {
  for (const [path, value] of Object.entries(colours(layout))) {
    const names = path.split(".");
    const last = names.pop();
    names.reduce((inner, name) => (inner[name] ??= {}), layout)[last] = value;
  }
  return layout;
}

function draw(plot) {
  if ("drawn" in plot.dataset) return;
  plot.dataset.drawn = "no";
  const figure = JSON.parse(plot.querySelector("script").textContent);
  const narrow = plot.clientWidth < 480;
  const config = { responsive: true, displaylogo: false, displayModeBar: narrow ? false : "hover" };
  for (const trace of figure.data) if (narrow && trace.type === "heatmap") trace.showscale = false;
  plot.replaceChildren();
  Plotly.newPlot(plot, figure.data, themed(figure.layout), config).then(() => { plot.dataset.drawn = "yes"; });
}

/** Charts are drawn when they come near the window; the page opens without waiting for the others. */
const watcher = new IntersectionObserver((seen) => {
  for (const entry of seen) {
    if (entry.isIntersecting) {
      watcher.unobserve(entry.target);
      draw(entry.target);
    }
  }
}, { rootMargin: "400px" });

function watchCharts() {
  for (const plot of document.querySelectorAll(".plot:not([data-drawn])")) watcher.observe(plot);
}

function sort(button) {
  const heading = button.closest("th");
  const table = button.closest("table");
  const column = heading.cellIndex;
  const direction = heading.getAttribute("aria-sort") === "ascending" ? "descending" : "ascending";
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", direction);
  const sign = direction === "ascending" ? 1 : -1;
  const rows = [...table.tBodies[0].rows];
  rows.sort((first, second) => {
    const [a, b] = [first, second].map((row) => row.cells[column].dataset.value);
    if (a === "" || b === "") return (a === "") - (b === "");
    const [x, y] = [Number(a), Number(b)];
    return sign * (Number.isNaN(x) || Number.isNaN(y) ? a.localeCompare(b, undefined, { numeric: true }) : x - y);
  });
  table.tBodies[0].append(...rows);
  say(`Sorted by ${button.textContent.trim()}, ${direction}.`);
}

function asCsv(table) {
  const quoted = (text) => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const line = (cells) => [...cells].map((cell) => quoted(cell.textContent.trim())).join(",");
  return [...table.rows].map((row) => line(row.cells)).join("\n") + "\n";
}

async function copy(button) {
  const text = asCsv(button.closest(".table").querySelector("table"));
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = document.createElement("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
    button.focus();
  }
  say("The table is in the clipboard, as CSV.");
}

/** Says below a marked text what stands in the title of one of its pieces, which keys and fingers do not reach. */
function tell(piece) {
  const text = piece.closest(".pieces");
  text.querySelector(".here")?.classList.remove("here");
  piece.classList.add("here");
  piece.scrollIntoView({ block: "nearest" });
  text.nextElementSibling.textContent = piece.title;
}

function goOn(text, key) {
  const pieces = [...text.querySelectorAll("[title]")];
  const at = pieces.findIndex((piece) => piece.classList.contains("here"));
  const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: pieces.length - 1 }[key];
  if (to !== undefined) tell(pieces[Math.min(Math.max(to, 0), pieces.length - 1)]);
  return to !== undefined;
}

document.addEventListener("keydown", (event) => {
  if (event.target.matches(".pieces") && !event.ctrlKey && !event.altKey && !event.metaKey) {
    if (goOn(event.target, event.key)) event.preventDefault();
  }
});
document.addEventListener("click", (event) => {
  const piece = event.target.closest(".pieces [title]");
  if (piece) tell(piece);
  const button = event.target.closest("button");
  if (button?.classList.contains("sort")) sort(button);
  if (button?.classList.contains("copy")) copy(button);
});
addEventListener("beforeprint", () => document.querySelectorAll(".plot").forEach(draw));
dark.addEventListener("change", () => {
  for (const plot of document.querySelectorAll("[data-drawn=yes]")) Plotly.relayout(plot, colours(plot.layout));
});

/** While training runs: ask for news each second, and put new parts in place of the old. */
async function follow() {
  const progress = document.getElementById("progress");
  let version = -1;
  let failures = 0;
  while (failures < 5) {
    try {
      const news = await (await fetch("state", { cache: "no-store" })).json();
      progress.textContent = news.text;
      if (news.version !== version) {
        document.getElementById("content").innerHTML = await (await fetch("main", { cache: "no-store" })).text();
        version = news.version;
        watchCharts();
      }
      if (news.ended) return;
      failures = 0;
    } catch { failures += 1; }
    await new Promise((done) => { setTimeout(done, 1000); });
  }
  progress.textContent += " The training can no longer be reached.";
}

unpackPlotly().then(watchCharts).then(() => {
  document.documentElement.dataset.ready = String(Math.round(performance.now()));
  if ("live" in document.body.dataset) follow();
}).catch((error) => {
  say("The charts could not be drawn in this browser; their words and tables are there.");
  console.error(error);
});
