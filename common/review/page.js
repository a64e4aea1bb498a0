"use strict";
// Filter and sort. Without this script the page is whole, in order of importance.
(() => {
  const table = document.getElementById("rows");
  if (!table) return;
  const body = table.tBodies[0];
  const rows = Array.from(body.rows, (row) => ({ row, text: row.textContent.toLowerCase() }));
  const byId = (id) => document.getElementById(id);
  const [find, need, sort, shown, nothing, more] = ["find", "need", "sort", "shown", "nothing", "more"].map(byId);
  const numeric = { order: true, size: true };
  const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });
  const AT_A_TIME = 100;
  let key = "order";
  let direction = 1;
  let most = AT_A_TIME;

  const compare = (one, other) => {
    const a = one.row.dataset[key];
    const b = other.row.dataset[key];
    const order = numeric[key] ? a - b : collator.compare(a, b);
    return direction * order || one.row.dataset.order - other.row.dataset.order;
  };

  const update = () => {
    const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
    let matching = 0;
    for (const { row, text } of rows) {
      const matches = (!need.value || row.dataset.need === need.value) && words.every((word) => text.includes(word));
      matching += matches;
      row.hidden = !matches || matching > most;
    }
    const visible = Math.min(matching, most);
    shown.textContent = visible < matching ? `${visible} of ${matching} shown` : `${matching} of ${rows.length}`;
    nothing.hidden = matching > 0;
    more.hidden = visible === matching;
  };

  const restart = () => {
    most = AT_A_TIME;
    update();
  };

  const sortBy = (newKey, newDirection) => {
    key = newKey;
    direction = newDirection;
    rows.sort(compare);
    body.append(...rows.map(({ row }) => row));
    for (const head of table.tHead.querySelectorAll("th[data-key]")) {
      const active = head.dataset.key === key;
      head.setAttribute("aria-sort", active ? (direction > 0 ? "ascending" : "descending") : "none");
    }
    sort.value = key;
    restart();
  };

  for (const head of table.tHead.querySelectorAll("th[data-key]")) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    button.addEventListener("click", () => sortBy(head.dataset.key, head.dataset.key === key ? -direction : 1));
    head.replaceChildren(button);
  }
  find.addEventListener("input", restart);
  need.addEventListener("change", restart);
  sort.addEventListener("change", () => sortBy(sort.value, sort.value === "size" ? -1 : 1));
  more.addEventListener("click", () => {
    const first = most;
    most += AT_A_TIME;
    update();
    const next = rows.filter(({ row }) => !row.hidden)[first];
    if (next) (next.row.querySelector("a") || more).focus();
  });
  byId("controls").hidden = false;
  sortBy("order", 1);
})();
