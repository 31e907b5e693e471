"use strict";
// Makes each column head a button that sorts its table. Without scripts, tables keep the order of the file.
for (const table of document.querySelectorAll("table.sorts")) {
  const heads = [...table.tHead.rows[0].cells];
  const body = table.tBodies[0];
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const of = row => row.cells[column];
      const number = row => (of(row).dataset.sort === undefined ? NaN : Number(of(row).dataset.sort));
      const text = row => of(row).textContent.trim();
      const empty = row => text(row) === "n/a" || text(row) === "";
      const rows = [...body.rows];
      const numbers = rows.some(row => !Number.isNaN(number(row)));
      const before = head.getAttribute("aria-sort");
      const down = before ? before === "ascending" : numbers;
      const compare = (a, b) => (numbers ? number(a) - number(b) : text(a).localeCompare(text(b), "en", { numeric: true }));
      rows.sort((a, b) => empty(a) - empty(b) || (down ? compare(b, a) : compare(a, b)) || 0);
      heads.forEach(other => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      body.append(...rows);
    });
  });
}
