// Tables sort by a click on the head of a column; without this script they stand as they are.
for (const table of document.querySelectorAll("table")) {
  const body = table.tBodies[0];
  if (body.rows.length < 2) continue;
  [...table.tHead.rows[0].cells].forEach((head, at) => {
    const button = document.createElement("button");
    button.textContent = head.textContent;
    button.title = "sort by " + head.textContent;
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      const key = (row) => row.cells[at].dataset.by ?? row.cells[at].textContent;
      const known = (value) => value !== "" && value !== "-";
      const order = (a, b) => {
        const [x, y] = [key(a), key(b)];
        if (known(x) !== known(y)) return known(x) ? -1 : 1;
        const both = x !== "" && y !== "" && !isNaN(x) && !isNaN(y);
        return (down ? -1 : 1) * (both ? x - y : x.localeCompare(y));
      };
      body.append(...[...body.rows].sort(order));
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
    });
  });
}
// What is folded is printed all the same.
addEventListener("beforeprint", () => {
  for (const part of document.querySelectorAll("details:not([open])")) {
    part.open = true;
    part.dataset.printed = "";
  }
});
addEventListener("afterprint", () => {
  for (const part of document.querySelectorAll("details[data-printed]")) {
    part.open = false;
    delete part.dataset.printed;
  }
});
