// @ts-check
/**
 * Dialogs. A <dialog class="dialog"> that htmx puts into #dialog-slot, or that the page came with, is opened modally.
 * Without JavaScript the latter stays an ordinary part of the page.
 *
 * Reads: [data-close] closes · [data-autofocus] gets the focus · [data-back] the page that follows a page's own dialog ·
 *        [data-guard] the dialog closes only while it carries [data-released] · [data-confirm] the text to type before
 *        [data-confirmed] can be pressed · [data-stored], [data-done], [data-mask], [data-secret] the secret, shown once.
 *        #unsaved-template the notice about unsaved input, with [data-keep], [data-discard] and [data-unsaved-esc].
 * Hears: "dialog:close" (sent by the server as HX-Trigger), "dialog:open" (a dialog was put into the slot).
 * Sends: "dialog:opened" and "dialog:closed" on the dialog.
 */
import { byId, closest, find, findAll, normalise, onDetail, send, targetOf } from "./dom.js";

const slot = byId("dialog-slot");
/** @type {HTMLElement | null} */
let opener = null;

/** @returns {HTMLDialogElement | null} */
const currentDialog = () => document.querySelector("dialog.dialog:modal");


/** @param {HTMLDialogElement} dialog */
function open(dialog) {
  dialog.removeAttribute("open");
  dialog.showModal();
  focusFirst(dialog);
  dialog.addEventListener("cancel", (event) => {
    event.preventDefault();
    closeUnlessUnsaved(dialog, true);
  });
  dialog.addEventListener("close", () => afterClose(dialog));
  closeOnBackdrop(dialog);
  for (const field of findAll(dialog, "[data-confirm]")) refreshConfirmation(field);
  if (dialog.hasAttribute("data-guard")) release(dialog, false);
  if (dialog.matches(`${KEEPS_INPUT}:has([aria-invalid=true])`)) dialog.toggleAttribute("data-unsaved", true);
  send(dialog, "dialog:opened");
}

/** The first invalid field, else [data-autofocus], else the heading. @param {HTMLDialogElement} dialog */
function focusFirst(dialog) {
  const marked = find(dialog, "[aria-invalid=true]") ?? find(dialog, "[data-autofocus]");
  const target = marked?.matches(".field") ? find(marked, "input, select, textarea") : marked;
  (target ?? find(dialog, "h2"))?.focus();
}

/** A press counts only if it begins and ends on the backdrop: selecting text may end there. @param {HTMLDialogElement} dialog */
function closeOnBackdrop(dialog) {
  let isPressed = false;
  dialog.addEventListener("pointerdown", (event) => (isPressed = event.target === dialog));
  dialog.addEventListener("click", (event) => {
    if (isPressed && event.target === dialog) closeUnlessUnsaved(dialog);
  });
}

/** @param {HTMLDialogElement} dialog */
function closeUnlessGuarded(dialog) {
  if (dialog.hasAttribute("data-guard") && !dialog.hasAttribute("data-released")) nudge(dialog);
  else close(dialog);
}

/** @param {HTMLDialogElement} dialog */
function close(dialog) {
  if (dialog.dataset.back) location.assign(dialog.dataset.back);
  else dialog.close();
}

/** @param {HTMLDialogElement} dialog */
function afterClose(dialog) {
  send(dialog, "dialog:closed");
  dialog.remove();
  returnFocus();
}

/** Back to the opener. It may have been rendered anew or removed: [data-focus-after] names the element that follows it. */
function returnFocus() {
  const targets = [opener, byId(opener?.id ?? ""), byId(opener?.dataset.focusAfter ?? ""), byId("main")];
  targets.find((target) => target?.isConnected && target.checkVisibility())?.focus();
}

function openNewDialogs() {
  for (const dialog of findAll(document, "dialog.dialog:not(:modal)")) {
    open(/** @type {HTMLDialogElement} */ (/** @type {HTMLElement} */ (dialog)));
  }
}

// A request from inside a dialog keeps the opener; a request from a menu belongs to the menu's button.
onDetail("htmx:beforeRequest", ({ elt: source, target }) => {
  if (target !== slot || source.closest("dialog")) return;
  const menu = source.closest("[popover]");
  opener = menu ? document.querySelector(`[popovertarget="${menu.id}"]`) : source;
  menu?.hidePopover();
});

// A dialog that another dialog replaces is not closed, so the focus does not return to the opener.
onDetail("htmx:afterSwap", ({ xhr }) => {
  if (xhr.status >= 400) {
    for (const dialog of findAll(document, `${KEEPS_INPUT}:not(:modal)`)) dialog.toggleAttribute("data-unsaved", true);
  }
  openNewDialogs();
});

// The opener's row may be swapped after the dialog has closed.
document.addEventListener("htmx:afterSettle", () => {
  if (opener && !opener.isConnected && !currentDialog() && document.activeElement === document.body) returnFocus();
});

document.addEventListener("dialog:open", () => {
  opener = /** @type {HTMLElement | null} */ (document.activeElement);
  openNewDialogs();
});

document.addEventListener("dialog:close", () => {
  const dialog = currentDialog();
  dialog?.toggleAttribute("data-unsaved", false);
  if (dialog) close(dialog);
});

document.addEventListener("click", (event) => {
  const dialog = closest(event, "dialog.dialog:modal");
  if (!dialog || !closest(event, "[data-close]")) return;
  event.preventDefault();
  closeUnlessUnsaved(/** @type {HTMLDialogElement} */ (/** @type {HTMLElement} */ (dialog)));
});

// closedby="none" keeps Esc from the dialog, so a guarded dialog hears it here.
document.addEventListener("keydown", (event) => {
  const dialog = currentDialog();
  if (event.key === "Escape" && dialog?.hasAttribute("data-guard")) closeUnlessGuarded(dialog);
});

// Unsaved input: Cancel, ✕, Esc and a press on the backdrop show a notice with "Keep editing" and "Discard"; a second Esc
// discards. Back, links and closing the tab are asked about by the browser. A guarded dialog has a notice of its own.

const KEEPS_INPUT = "dialog.dialog:not([data-guard])";

/** @param {HTMLDialogElement} dialog @param {boolean} [byEsc] */
function closeUnlessUnsaved(dialog, byEsc = false) {
  const foot = find(dialog, ".dialog-foot");
  const notice = find(dialog, "[data-unsaved-notice]");
  if (!foot || !dialog.hasAttribute("data-unsaved") || (byEsc && notice)) {
    dialog.toggleAttribute("data-unsaved", false);
    closeUnlessGuarded(dialog);
    return;
  }
  notice?.remove();
  const template = /** @type {HTMLTemplateElement} */ (/** @type {unknown} */ (byId("unsaved-template")));
  foot.append(template.content.cloneNode(true));
  const esc = find(foot, "[data-unsaved-esc]");
  if (esc) esc.hidden = !byEsc;
  find(foot, "[data-keep]")?.focus();
}

document.addEventListener("click", (event) => {
  const dialog = /** @type {HTMLDialogElement | null} */ (/** @type {unknown} */ (closest(event, "dialog.dialog:modal")));
  const notice = closest(event, "[data-unsaved-notice]");
  if (!dialog || !notice) return;
  if (closest(event, "[data-discard]")) {
    dialog.toggleAttribute("data-unsaved", false);
    closeUnlessGuarded(dialog);
  } else if (closest(event, "[data-keep]")) {
    notice.remove();
    focusEdited(dialog);
  }
});

/** The field that was edited last. @param {HTMLElement} dialog */
function focusEdited(dialog) {
  (find(dialog, "[data-edited-last]") ?? find(dialog, "[data-autofocus]") ?? find(dialog, "h2"))?.focus();
}

const PAGE_FORM = "main form[method=post]:not(.inline-form, .explain > form)";

document.addEventListener("input", (event) => {
  const field = targetOf(event);
  if (field.matches("[data-confirm]")) return;
  const place = closest(event, KEEPS_INPUT) ?? closest(event, PAGE_FORM);
  if (!place) return;
  place.toggleAttribute("data-unsaved", true);
  for (const other of findAll(place, "[data-edited-last]")) other.removeAttribute("data-edited-last");
  field.toggleAttribute("data-edited-last", true);
  find(place, "[data-unsaved-notice]")?.remove();
});

// What is being saved is not unsaved, unless the request fails.
document.addEventListener("submit", (event) => {
  if (!event.defaultPrevented || targetOf(event).matches("[hx-post]")) {
    closest(event, "[data-unsaved]")?.toggleAttribute("data-unsaved", false);
  }
});

for (const name of ["htmx:responseError", "htmx:sendError", "htmx:timeout"]) {
  onDetail(name, ({ elt }) => {
    const place = elt.matches("form") && elt.closest(`${KEEPS_INPUT}, ${PAGE_FORM}`);
    if (place && find(place, "[data-edited-last]")) place.toggleAttribute("data-unsaved", true);
  });
}

// Confirmation by typing a name: [data-confirmed] can be pressed once [data-confirm] holds the exact text.

/** @param {HTMLInputElement} field */
function refreshConfirmation(field) {
  const isTyped = normalise(field.value) === normalise(field.dataset.confirm ?? "");
  const button = field.form && find(field.form, "[data-confirmed]");
  button?.setAttribute("aria-disabled", String(!isTyped));
}

/** @param {Element | null | undefined} element */
const isDisabled = (element) => element?.getAttribute("aria-disabled") === "true";

document.addEventListener("input", (event) => {
  if (targetOf(event).matches("[data-confirm]")) refreshConfirmation(targetOf(event));
});

// An aria-disabled button stays reachable, so pressing it must do nothing. A guard's Done passes: its dialog explains
// why it stays open.
document.addEventListener(
  "click",
  (event) => {
    const button = closest(event, ".btn");
    if (!button || !isDisabled(button) || button.hasAttribute("data-close")) return;
    event.preventDefault();
    event.stopPropagation();
  },
  true,
);

// Enter in the text field presses the form's button without a click on it.
document.addEventListener(
  "submit",
  (event) => {
    if (!isDisabled(find(targetOf(event), "[data-confirmed]"))) return;
    event.preventDefault();
    event.stopPropagation();
  },
  true,
);

// The secret, shown once: the dialog stays open until the box is ticked and says why; leaving the page warns; on leaving,
// the secret is removed from the page, so that nothing a browser keeps contains it.

/** @param {HTMLDialogElement} dialog @param {boolean} isReleased */
function release(dialog, isReleased) {
  dialog.toggleAttribute("data-released", isReleased);
  find(dialog, "[data-done]")?.setAttribute("aria-disabled", String(!isReleased));
  const notice = find(dialog, ".nudge");
  if (isReleased && notice) notice.hidden = true;
}

/** @param {HTMLDialogElement} dialog */
function nudge(dialog) {
  const notice = find(dialog, ".nudge");
  if (notice) notice.hidden = false;
  find(dialog, "[data-stored]")?.focus();
}

document.addEventListener("change", (event) => {
  const dialog = targetOf(event).matches("[data-stored]") && targetOf(event).closest("dialog");
  if (dialog) release(dialog, targetOf(event).checked);
});

document.addEventListener("click", (event) => {
  const button = closest(event, "[data-mask]");
  const isMasked = button?.closest("dialog")?.classList.toggle("masked");
  button?.setAttribute("aria-pressed", String(isMasked));
});

window.addEventListener("beforeunload", (event) => {
  if (find(document, "dialog[data-guard]:modal:not([data-released]), [data-unsaved]")) event.preventDefault();
});

window.addEventListener("pagehide", () => {
  for (const place of findAll(document, "[data-secret]")) place.textContent = "";
});

// A browser may restore the emptied page from its cache; the server then says what there is now.
window.addEventListener("pageshow", (event) => {
  if (event.persisted && find(document, "[data-secret]")) location.reload();
});

openNewDialogs();
