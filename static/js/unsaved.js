/**
 * What was entered into a dialog is not lost by a slip: the first Esc, or press on the backdrop, says so in the dialog's
 * foot, and only a second one closes. Buttons are no slip; what asks for a confirmation closes at once, and what has a
 * guard of its own (reveal.js) is left to it.
 */
const words = document.getElementById("words").dataset;
const OF_ENTRIES = "dialog.dialog:not([role=alertdialog], [data-guard])";

document.addEventListener("input", (event) => {
  const dialog = event.target.closest(OF_ENTRIES);
  if (!dialog) return;
  dialog.toggleAttribute("data-entered", true);
  dialog.querySelector("[data-unsaved]")?.remove();
});

// What was refused comes back in a new dialog, with what was entered: the answer to a request, or a page with errors.
document.addEventListener("htmx:afterSwap", (event) => {
  if (event.detail.xhr.status >= 400) mark(document.querySelectorAll(`${OF_ENTRIES}:not(:modal)`));
});

document.addEventListener("dialog:opened", (event) => {
  if (event.target.matches(`${OF_ENTRIES}:has([aria-invalid=true])`)) mark([event.target]);
});

function mark(dialogs) {
  for (const dialog of dialogs) dialog.toggleAttribute("data-entered", true);
}

document.addEventListener("dialog:leaving", (event) => {
  const dialog = event.target;
  const foot = dialog.querySelector(".dialog-foot");
  if (!foot || !dialog.hasAttribute("data-entered") || dialog.querySelector("[data-unsaved]")) return;
  event.preventDefault();
  const notice = document.createElement("p");
  notice.className = "nudge";
  notice.role = "alert";
  notice.toggleAttribute("data-unsaved", true);
  notice.textContent = words.entered;
  foot.append(notice);
});
