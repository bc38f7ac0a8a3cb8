"use strict";
// A click on a header sorts its table; figures sort by data-v.
for (const head of document.querySelectorAll("table.sorts th")) {
  head.addEventListener("click", () => {
    const way = head.dataset.way === "down" ? "up" : "down";
    for (const other of head.parentNode.children) delete other.dataset.way;
    head.dataset.way = way;
    const body = head.closest("table").tBodies[0];
    const at = (row) => row.cells[head.cellIndex];
    const key = (row) => (at(row).dataset.v === undefined ? at(row).textContent : Number(at(row).dataset.v));
    const order = (a, b) => (a < b ? -1 : a > b ? 1 : 0) * (way === "up" ? 1 : -1);
    for (const row of [...body.rows].sort((a, b) => order(key(a), key(b)))) body.append(row);
  });
}
