/**
 * The panel beside a list: marks its row and takes the focus. Esc and its ✕ close it where it is, and lead back to the
 * row; without this script the ✕ is a link to the list.
 */
const inPlace = () => document.getElementById("panel");
const rowOf = (panel) => document.getElementById(`event-${panel.dataset.number}`);

function arrive(panel) {
  for (const row of document.querySelectorAll("tr[aria-current]")) row.removeAttribute("aria-current");
  rowOf(panel)?.setAttribute("aria-current", "true");
  panel.querySelector("h2").focus();
}

function close(panel, link) {
  const row = rowOf(panel);
  row?.removeAttribute("aria-current");
  panel.remove();
  // As htmx would have pushed it: going back loads the page with the panel.
  history.pushState({ htmx: true }, "", link.href.split("#")[0]);
  (row?.querySelector("a") ?? document.querySelector("[data-slash]"))?.focus();
}

document.addEventListener("htmx:afterSwap", (event) => {
  if (event.detail.target?.id === "event-panel" && inPlace()) arrive(inPlace());
});

document.addEventListener("click", (event) => {
  const link = event.target.closest?.("[data-panel-close]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  close(inPlace(), link);
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || document.querySelector("dialog:modal, :popover-open")) return;
  document.querySelector("[data-panel-close]")?.click();
});

if (inPlace()) arrive(inPlace());
