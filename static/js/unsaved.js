/**
 * What was entered into a dialog is not lost by a slip: the first Esc, or press on the backdrop, says so in the dialog's
 * foot, and only a second one closes. Buttons are no slip; what asks for a confirmation closes at once, and what has a
 * guard of its own (reveal.js) is left to it.
 */
const words = document.querySelector("template[data-unsaved]");
const OF_ENTRIES = "dialog.dialog:not([role=alertdialog], [data-guard])";

document.addEventListener("input", (event) => {
  const dialog = event.target.closest(OF_ENTRIES);
  if (!dialog) return;
  dialog.toggleAttribute("data-entered", true);
  dialog.querySelector("[data-not-saved]")?.remove();
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
  if (!foot || !dialog.hasAttribute("data-entered") || dialog.querySelector("[data-not-saved]")) return;
  event.preventDefault();
  foot.append(words.content.cloneNode(true));
});
