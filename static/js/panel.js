/** The panel beside a list: marks its row, takes the focus, Esc closes it. */
document.addEventListener("htmx:afterSwap", (event) => {
  const panel = event.detail.target?.id === "event-panel" && document.getElementById("panel");
  if (!panel) return;
  for (const row of document.querySelectorAll("tr[aria-current]")) row.removeAttribute("aria-current");
  document.getElementById(`event-${panel.dataset.number}`)?.setAttribute("aria-current", "true");
  panel.querySelector("h2").focus();
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || document.querySelector("dialog:modal, :popover-open")) return;
  document.querySelector("[data-panel-close]")?.click();
});
