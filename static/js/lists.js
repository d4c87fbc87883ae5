// @ts-check
/**
 * Lists: rows selected for a bulk action, the panel beside a list, and text edited in place.
 *
 * Reads: [data-select] the box of a row, [data-select-all] the head's box, [data-selected-bar] the bar with the action,
 *        [data-matching] its field that stands for all rows that match, which [data-all-matching] enables and
 *        [data-only-page] disables ·
 *        #panel with [data-number] of its row, [data-panel-close] its ✕, #event-rows the list beside it ·
 *        [data-inline] the field of an inline editor,
 *        [data-cancel] its cancel button, [data-inline-done] the text after saving.
 */
import { byId, closest, find, findAll, onDetail, targetOf } from "./dom.js";

// Selection.

const selectableBoxes = () => findAll(document, "[data-select]:not(:disabled)");

function refreshSelection() {
  const bar = find(document, "[data-selected-bar]");
  const head = find(document, "[data-select-all]");
  if (!bar || !head) return;
  const boxes = selectableBoxes();
  const count = boxes.filter((box) => box.checked).length;
  describeSelection(bar, count);
  head.hidden = false;
  head.checked = count > 0 && count === boxes.length;
  head.indeterminate = count > 0 && count < boxes.length;
}

/** The words of the bar, and which of its buttons are offered. @param {HTMLElement} bar @param {number} count */
function describeSelection(bar, count) {
  const isAllMatching = find(bar, "[data-matching]")?.disabled === false;
  for (const label of findAll(bar, "[data-one]")) {
    const { one = "", many = "", all = "" } = label.dataset;
    const words = isAllMatching ? all : count === 1 ? one : many.replace("{count}", String(count));
    if (label.textContent !== words) label.textContent = words; // a status is read out again when it is written
  }
  for (const button of findAll(bar, "[data-all-matching]")) button.hidden = isAllMatching;
  for (const button of findAll(bar, "[data-only-page]")) button.hidden = !isAllMatching;
}

/** Selects all rows that match, on all pages, or only those whose boxes are ticked. @param {boolean} isAll */
function selectMatching(isAll) {
  const field = find(document, "[data-matching]");
  if (field) field.disabled = !isAll;
  refreshSelection();
}

document.addEventListener("change", (event) => {
  const box = targetOf(event);
  if (box.matches("[data-select-all]")) {
    for (const other of selectableBoxes()) other.checked = box.checked;
  }
  if (box.matches("[data-select], [data-select-all]")) selectMatching(false);
});

document.addEventListener("click", (event) => {
  const button = closest(event, "[data-all-matching], [data-only-page]");
  const bar = button?.closest("[data-selected-bar]");
  if (!button || !bar) return;
  event.preventDefault();
  const isAll = button.matches("[data-all-matching]");
  for (const box of selectableBoxes()) box.checked = true;
  selectMatching(isAll);
  find(bar, isAll ? "[data-only-page]" : "[data-all-matching]")?.focus();
});

// A reset button empties the boxes after its event.
document.addEventListener("reset", (event) => {
  if (targetOf(event).matches("[data-selected-bar]")) setTimeout(() => selectMatching(false));
});

document.addEventListener("htmx:afterSettle", refreshSelection);
refreshSelection();

// The panel beside a list marks its row and takes the focus. Esc and ✕ close it in place and return to the row. Without
// this script ✕ is a link to the list.

const currentPanel = () => byId("panel");
/** @param {HTMLElement} panel */
const rowOf = (panel) => byId(`event-${panel.dataset.number}`);

/** @param {HTMLElement} panel */
function markRow(panel) {
  for (const row of findAll(document, "tr[aria-current]")) row.removeAttribute("aria-current");
  const row = rowOf(panel);
  row?.setAttribute("aria-current", "true");
  row?.scrollIntoView({ block: "nearest" });
}

/** @param {HTMLElement} panel */
function showPanel(panel) {
  // The panel stays in view beside its row. Where it covers the list, focus() scrolls to it.
  find(panel, "h2")?.focus({ preventScroll: rowOf(panel)?.checkVisibility() ?? false });
  markRow(panel);
}

/** Shows the page of the list that has the row of the panel, at the URL that the panel was loaded from. */
function showPageOfRow() {
  const options = { target: "#event-rows", swap: "outerHTML" };
  /** @type {any} */ (globalThis).htmx.ajax("GET", location.pathname + location.search, options).catch(() => {});
}

/** @param {HTMLElement} panel @param {string} listUrl */
function closePanel(panel, listUrl) {
  const row = rowOf(panel);
  row?.removeAttribute("aria-current");
  panel.remove();
  // The same entry that htmx pushes: Back loads the page with the panel.
  history.pushState({ htmx: true }, "", listUrl.split("#")[0]);
  ((row && find(row, "a")) ?? find(document, "[data-slash]"))?.focus();
}

onDetail("htmx:afterSwap", ({ target }) => {
  const panel = currentPanel();
  if (!panel) return;
  if (target?.id === "event-rows") return markRow(panel);
  if (target?.id !== "event-panel") return;
  showPanel(panel);
  if (!rowOf(panel)) showPageOfRow();
});

document.addEventListener("click", (event) => {
  const link = closest(event, "[data-panel-close]");
  const panel = currentPanel();
  if (!link || !panel || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  closePanel(panel, /** @type {any} */ (link).href);
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || find(document, "dialog:modal, :popover-open")) return;
  find(document, "[data-panel-close]")?.click();
});

const panelAtLoad = currentPanel();
if (panelAtLoad) showPanel(panelAtLoad);

// Inline editing: Enter submits the form, leaving the field saves a changed text and closes an unchanged one, Esc presses
// [data-cancel].

document.addEventListener("keydown", (event) => {
  const field = targetOf(event);
  if (event.key !== "Escape" || !field.matches("[data-inline]") || !field.form) return;
  field.dataset.cancelled = "";
  find(field.form, "[data-cancel]")?.click();
});

// A text that Enter has sent is not sent again when its field is removed.
document.addEventListener("submit", (event) => {
  const field = find(targetOf(event), "[data-inline]");
  if (field) field.dataset.sentValue = field.value;
});

document.addEventListener("focusout", (event) => {
  const field = targetOf(event);
  if (!field.matches?.("[data-inline]") || "cancelled" in field.dataset) return;
  // The field keeps the focus of the page while another window has it.
  if (document.activeElement === field || field.value === field.dataset.sentValue) return;
  if (field.value !== field.defaultValue) field.form?.requestSubmit();
  else if (field.form && !field.matches("[aria-invalid]")) find(field.form, "[data-cancel]")?.click();
});

document.addEventListener("htmx:afterSettle", (event) => {
  const field = find(targetOf(event), "[data-inline]");
  if (field && document.activeElement !== field) {
    field.focus();
    field.select();
  }
  // After Enter or Esc the focus returns to the text; after a click elsewhere it stays there.
  if (document.activeElement === document.body) find(document, "[data-inline-done]")?.focus();
});
