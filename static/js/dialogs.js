/**
 * Dialogs. A <dialog class="dialog"> that htmx puts into #dialog-slot, or that the page came with, is opened
 * modally; without JavaScript the latter stays an ordinary part of the page.
 *
 * Marks:  [data-close] closes · [data-autofocus] gets the focus · [data-back] where a page's own dialog leads
 *         when closed · [data-guard] may only close once it carries [data-released] (see reveal.js).
 * Hears:  "dialog:close" (sent by the server as HX-Trigger), "dialog:open" (a dialog was put into the slot).
 * Sends:  "dialog:opened", "dialog:closed" and, when a guard holds, "dialog:refused", all on the dialog; before Esc or
 *         the backdrop closes it "dialog:leaving", which may be prevented (see unsaved.js).
 */
const slot = document.getElementById("dialog-slot");
let opener = null;

function open(dialog) {
  dialog.removeAttribute("open");
  dialog.showModal();
  focusFirst(dialog);
  dialog.addEventListener("cancel", (event) => {
    event.preventDefault();
    leave(dialog);
  });
  dialog.addEventListener("close", () => afterClose(dialog));
  closeOnBackdrop(dialog);
  tell(dialog, "dialog:opened");
}

/** The first invalid field, else what asks for the focus, else the heading. */
function focusFirst(dialog) {
  const marked = dialog.querySelector("[aria-invalid=true]") ?? dialog.querySelector("[data-autofocus]");
  const target = marked?.matches(".field") ? marked.querySelector("input, select, textarea") : marked;
  (target ?? dialog.querySelector("h2"))?.focus();
}

/** Only a press that both begins and ends on the backdrop counts: selecting text may end outside. */
function closeOnBackdrop(dialog) {
  let pressed = false;
  dialog.addEventListener("pointerdown", (event) => (pressed = event.target === dialog));
  dialog.addEventListener("click", (event) => {
    if (pressed && event.target === dialog) leave(dialog);
  });
}

/** By Esc or the backdrop, which may be a slip. */
function leave(dialog) {
  if (tell(dialog, "dialog:leaving")) requestClose(dialog);
}

function requestClose(dialog) {
  if (dialog.hasAttribute("data-guard") && !dialog.hasAttribute("data-released")) {
    tell(dialog, "dialog:refused");
  } else {
    close(dialog);
  }
}

function close(dialog) {
  if (dialog.dataset.back) location.assign(dialog.dataset.back);
  else dialog.close();
}

function afterClose(dialog) {
  tell(dialog, "dialog:closed");
  dialog.remove();
  returnFocus();
}

/** Back to what opened the dialog. It may have been rendered anew, or be gone: [data-focus-after] names its heir. */
function returnFocus() {
  const byId = (id) => id && document.getElementById(id);
  const targets = [opener, byId(opener?.id), byId(opener?.dataset.focusAfter), byId("main")];
  targets.find((target) => target?.isConnected && target.checkVisibility())?.focus();
}

/** Whether nobody prevented it. */
function tell(dialog, name) {
  return dialog.dispatchEvent(new CustomEvent(name, { bubbles: true, cancelable: true }));
}

/** The dialogs that wait to be opened. */
function openWaiting() {
  for (const dialog of document.querySelectorAll("dialog.dialog:not(:modal)")) open(dialog);
}

const current = () => document.querySelector("dialog.dialog:modal");

// A request from inside a dialog keeps the opener; one from a menu belongs to the menu's button.
document.addEventListener("htmx:beforeRequest", (event) => {
  const source = event.detail.elt;
  if (event.detail.target !== slot || source.closest("dialog")) return;
  const menu = source.closest("[popover]");
  opener = menu ? document.querySelector(`[popovertarget="${menu.id}"]`) : source;
  menu?.hidePopover();
});

// A dialog that another one replaces is not closed, so it must not take the focus back to the opener.
document.addEventListener("htmx:afterSwap", openWaiting);

// The row of the opener may be swapped after the dialog has closed.
document.addEventListener("htmx:afterSettle", () => {
  if (opener && !opener.isConnected && !current() && document.activeElement === document.body) returnFocus();
});

document.addEventListener("dialog:open", () => {
  opener = document.activeElement;
  openWaiting();
});

document.addEventListener("dialog:close", () => {
  const dialog = current();
  if (dialog) close(dialog);
});

document.addEventListener("click", (event) => {
  const dialog = event.target.closest("dialog.dialog:modal");
  if (!dialog || !event.target.closest("[data-close]")) return;
  event.preventDefault();
  requestClose(dialog);
});

// closedby="none" keeps Esc from the dialog altogether: the guard answers here.
document.addEventListener("keydown", (event) => {
  const dialog = current();
  if (event.key === "Escape" && dialog?.hasAttribute("data-guard")) requestClose(dialog);
});

openWaiting();
