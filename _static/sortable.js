/* Tables of class "sortable": a click on a heading, or Enter on it, sorts by that column.
   Rows of the foot stay where they are. Where a table is wider than the page, a line says so. */
document.addEventListener("DOMContentLoaded", () => {
  const number = (text) => parseFloat(text.replace(/(?<=\d),(?=\d{3})/g, "")); // 5,000 is no 5
  for (const table of document.querySelectorAll("table.sortable")) {
    const headings = [...table.tHead.rows[0].cells];
    headings.forEach((heading, column) => {
      if (!heading.textContent) return;
      const button = document.createElement("button");
      button.textContent = heading.textContent;
      heading.replaceChildren(button);
      button.addEventListener("click", () => {
        const down = heading.getAttribute("aria-sort") === "ascending";
        headings.forEach((other) => other.removeAttribute("aria-sort"));
        heading.setAttribute("aria-sort", down ? "descending" : "ascending");
        const text = (row) => row.cells[column].textContent;
        const numeric = new Intl.Collator("en", { numeric: true }).compare;
        const compare = (a, b) => {
          const difference = number(text(a)) - number(text(b));
          return Number.isNaN(difference) ? numeric(text(a), text(b)) : difference;
        };
        const rows = [...table.tBodies[0].rows].sort(compare);
        table.tBodies[0].append(...(down ? rows.reverse() : rows));
      });
    });
  }
  const scrollers = [...document.querySelectorAll(".rg-scroll")];
  for (const scroller of scrollers) {
    const cue = document.createElement("p");
    cue.className = "rg-cue";
    cue.textContent = "↔ The table goes on to the right: scroll it sideways.";
    scroller.after(cue);
  }
  const measure = () => {
    for (const scroller of scrollers) {
      scroller.classList.toggle("overflows", scroller.scrollWidth > scroller.clientWidth + 1);
    }
  };
  const watch = new ResizeObserver(measure);
  scrollers.forEach((scroller) => watch.observe(scroller));
});
