/** Rows of a form that can be added and removed: [data-rows] holds a list, a <template> of a row and [data-row-add]. */
function prepare(root) {
  for (const button of root.querySelectorAll("[data-row-add], [data-row-remove]")) button.hidden = false;
  // Without this script blank rows wait to be filled in; with it they are one press away.
  for (const row of [...root.querySelectorAll("ul > li")].slice(1)) {
    if (row.querySelector("input").value === "" && !row.querySelector("[aria-invalid]")) row.remove();
  }
}

function add(root) {
  const row = root.querySelector("template").content.cloneNode(true);
  for (const button of row.querySelectorAll("[data-row-remove]")) button.hidden = false;
  root.querySelector("ul").append(row);
  root.querySelector("ul > li:last-child input").focus();
}

function remove(root, row) {
  const next = row.nextElementSibling ?? row.previousElementSibling;
  row.remove();
  (next?.querySelector("input") ?? root.querySelector("[data-row-add]")).focus();
}

document.addEventListener("dialog:opened", (event) => {
  for (const root of event.target.querySelectorAll("[data-rows]")) prepare(root);
});

document.addEventListener("click", (event) => {
  const root = event.target.closest("[data-rows]");
  if (!root) return;
  if (event.target.closest("[data-row-add]")) add(root);
  const button = event.target.closest("[data-row-remove]");
  if (button) remove(root, button.closest("li"));
});
