//===- HtmlAssets.cpp - style and script of the report --------------------===//
#include "lib/Pipeline/Html.h"

using namespace cinch;

const llvm::StringLiteral html::style = R"css(
:root { color-scheme: light dark; --page: #fff; --text: #1c1f24; --soft: #5c6470;
  --line: #d8dce2; --card: #f4f6f8; --slot: #b9cfe8; --slot-line: #fff;
  --peak: #f0a860; --live: #7fa8d6; --mark: #b3261e; --chip: #e3ebf5; }
@media (prefers-color-scheme: dark) { :root { --page: #15181d; --text: #e4e7eb;
  --soft: #9aa4b1; --line: #343a44; --card: #1e232a; --slot: #2f4a6b;
  --slot-line: #15181d; --peak: #9a5b1c; --live: #3c6494; --mark: #ff8a80;
  --chip: #28364a; } }
body { margin: 0 auto; max-width: 1120px; padding: 24px 20px 60px;
  background: var(--page); color: var(--text);
  font: 15px/1.45 system-ui, sans-serif; }
h1 { font-size: 24px; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 18px; margin: 34px 0 6px; }
p { margin: 4px 0 10px; color: var(--soft); }
.cards { display: flex; flex-wrap: wrap; gap: 12px; margin: 18px 0 0; }
.card { background: var(--card); border-radius: 8px; padding: 10px 16px; }
.card b { display: block; font-size: 19px; }
.card span { color: var(--soft); font-size: 13px; }
svg { display: block; width: 100%; height: auto; font: 11px system-ui, sans-serif; }
.grid { stroke: var(--line); stroke-width: 1; }
.tick { fill: var(--soft); } .label { fill: var(--text); font-weight: 600; }
.name { fill: var(--text); pointer-events: none; }
.end { text-anchor: end; } .middle { text-anchor: middle; }
.live { fill: var(--live); } .moment { fill: transparent; }
.moment:hover { fill: var(--text); fill-opacity: 0.15; }
.bound { stroke: var(--mark); stroke-width: 1.2; stroke-dasharray: 5 4; fill: none;
  pointer-events: none; }
.mark { fill: var(--mark); }
.slot { fill: var(--slot); stroke: var(--slot-line); stroke-width: 0.6; }
.slot.peak { fill: var(--peak); } .slot:hover { stroke: var(--text); stroke-width: 2; }
.table { overflow: auto; max-height: 70vh; border: 1px solid var(--line);
  border-radius: 8px; }
table { border-collapse: collapse; width: 100%; font-size: 13px; }
th, td { padding: 5px 10px; text-align: left; vertical-align: top;
  border-bottom: 1px solid var(--line); }
tr:last-child td { border-bottom: 0; }
th { position: sticky; top: 0; background: var(--card); white-space: nowrap; }
th button { all: unset; cursor: pointer; } th button:focus-visible { outline: 2px solid; }
th[aria-sort=ascending] button::after { content: " ▲"; }
th[aria-sort=descending] button::after { content: " ▼"; }
.num { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
.id { overflow-wrap: anywhere; min-width: 180px; }
.ops { min-width: 300px; }
.op { display: inline-block; background: var(--chip); border-radius: 4px;
  padding: 0 6px; margin: 1px 0; }
.op.root { outline: 1px solid var(--live); }
.then { color: var(--soft); padding: 0 2px; }
.bar { width: 26%; min-width: 100px; } .bar svg { height: 12px; margin-top: 4px; }
.bar rect { fill: var(--peak); }
.plots { display: flex; flex-wrap: wrap; gap: 14px; }
.plots figure { margin: 0; width: 256px; } figcaption { font-size: 12px;
  color: var(--soft); overflow-wrap: anywhere; }
summary { cursor: pointer; color: var(--soft); }
)css";

const llvm::StringLiteral html::script = R"js(
for (const table of document.querySelectorAll("table.sortable"))
  table.querySelectorAll("th").forEach((head, column) => {
    const button = head.querySelector("button");
    if (!button) return;
    button.addEventListener("click", () => {
      const up = head.getAttribute("aria-sort") === "descending";
      const key = row => {
        const cell = row.cells[column];
        return cell.dataset.key === undefined ? cell.textContent
                                              : Number(cell.dataset.key);
      };
      const rows = [...table.tBodies[0].rows].sort((a, b) => {
        const x = key(a), y = key(b);
        const order = typeof x === "number" ? x - y : x.localeCompare(y);
        return up ? order : -order;
      });
      table.querySelectorAll("th").forEach(h => h.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      table.tBodies[0].append(...rows);
    });
  });
)js";
