/**
 * Rows selected for one act: how many they are, and all of the page at once. The checkboxes are [data-select], the
 * head's is [data-select-all], the bar with the act is [data-selected-bar].
 */
const boxes = () => [...document.querySelectorAll("[data-select]:not(:disabled)")];

function refresh() {
  const bar = document.querySelector("[data-selected-bar]");
  if (!bar) return;
  const all = boxes();
  const count = all.filter((box) => box.checked).length;
  for (const element of bar.querySelectorAll("[data-one]")) {
    element.textContent = count === 1 ? element.dataset.one : element.dataset.many.replace("{count}", count);
  }
  const head = document.querySelector("[data-select-all]");
  head.hidden = false;
  head.checked = count > 0 && count === all.length;
  head.indeterminate = count > 0 && count < all.length;
}

document.addEventListener("change", (event) => {
  if (event.target.matches("[data-select-all]")) {
    for (const box of boxes()) box.checked = event.target.checked;
  }
  if (event.target.matches("[data-select], [data-select-all]")) refresh();
});

// The reset button empties the boxes after its event.
document.addEventListener("reset", (event) => {
  if (event.target.matches("[data-selected-bar]")) setTimeout(refresh);
});

document.addEventListener("htmx:afterSettle", refresh);
refresh();
