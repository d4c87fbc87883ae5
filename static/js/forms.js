// @ts-check
/**
 * Forms: the allow-list editor, rows that can be added and removed, the key form, secrets of pasted keys, and filters.
 *
 * Reads: [data-allow-list] the editor with [data-allow-list-body], [data-tick], [data-cancel], [data-focus], [data-undo] ·
 *        [data-rows] with [data-row-add], [data-row-remove] · [data-keyform] with [data-full], [data-group], [data-all] ·
 *        input[type=search] and [data-strip-secret], a field for a key ID.
 * Sends: "network:add" on [data-tick], which its row posts · "input" on [data-allow-list-body] after the server has answered ·
 *        the form of a search for a whole key, with the parameter `pasted`; the server answers with the key
 *        (keyadmin/web/common/pasted_keys.py) · "toast" for other fields.
 */
import { closest, find, findAll, onDetail, send, targetOf, texts } from "./dom.js";

// The allow-list editor. The server decides what is valid: it enables the tick, and says what is wrong when Enter or the
// disabled tick is pressed. After a change the focus moves to the response's [data-focus].

const UNDO_MS = 8000;

// dialogs.js keeps aria-disabled buttons from acting; pressing this one asks the server what is wrong.
document.addEventListener(
  "click",
  (event) => {
    const tick = closest(event, "[data-tick]");
    if (!tick) return;
    event.preventDefault();
    send(tick, "network:add");
  },
  true,
);

document.addEventListener("keydown", (event) => {
  const list = closest(event, "[data-allow-list]");
  if (!list) return;
  const field = targetOf(event);
  // Enter in the note of a row must not submit the form around the list.
  if (event.key === "Enter" && field.matches("[data-note]")) event.preventDefault();
  const tick = field.closest(".add") && field.matches("textarea, input") && event.key === "Enter" && find(list, "[data-tick]");
  if (tick) {
    event.preventDefault();
    send(tick, "network:add");
  }
  const row = field.closest("li");
  if (event.key === "Escape" && row) find(row, "[data-cancel]")?.click();
});

document.addEventListener("htmx:afterSettle", (event) => {
  const body = targetOf(event);
  if (!closest(event, "[data-allow-list]") || !body.matches("[data-allow-list-body]")) return;
  const field = find(body, "[data-focus]");
  field?.focus();
  if (field?.value) field.select();
  removeUndoLater(find(body, "[data-undo]"));
  body.dispatchEvent(new Event("input", { bubbles: true }));
});

/** The offer to undo disappears, but not while it is about to be pressed. @param {HTMLElement | null} row */
function removeUndoLater(row) {
  if (!row) return;
  setTimeout(() => (row.matches(":hover, :focus-within") ? removeUndoLater(row) : row.remove()), UNDO_MS);
}

// Rows that can be added and removed. Without this script, blank rows wait to be filled in.

/** The content of an element's <template>, copied. @param {Element} root */
const copyTemplate = (root) =>
  /** @type {DocumentFragment} */ (/** @type {HTMLTemplateElement} */ (root.querySelector("template")).content.cloneNode(true));

/** @param {HTMLElement} root */
function prepareRows(root) {
  for (const button of findAll(root, "[data-row-add], [data-row-remove]")) button.hidden = false;
  for (const row of findAll(root, "ul > li").slice(1)) {
    if (find(row, "input")?.value === "" && !find(row, "[aria-invalid]")) row.remove();
  }
}

/** @param {HTMLElement} root */
function addRow(root) {
  const row = copyTemplate(root);
  for (const button of findAll(row, "[data-row-remove]")) button.hidden = false;
  find(root, "ul")?.append(row);
  find(root, "ul > li:last-child input")?.focus();
}

/** @param {HTMLElement} root @param {Element} row */
function removeRow(root, row) {
  const neighbour = row.nextElementSibling ?? row.previousElementSibling;
  row.remove();
  ((neighbour && find(neighbour, "input")) ?? find(root, "[data-row-add]"))?.focus();
}

document.addEventListener("dialog:opened", (event) => {
  for (const root of findAll(targetOf(event), "[data-rows]")) prepareRows(root);
});

document.addEventListener("click", (event) => {
  const root = closest(event, "[data-rows]");
  if (!root) return;
  if (closest(event, "[data-row-add]")) addRow(root);
  const row = closest(event, "[data-row-remove]")?.closest("li");
  if (row) removeRow(root, row);
});

// The key form: presets, and a tri-state "Select all". The server renders everything that the form says about the key.

/** @param {HTMLElement} form */
function refreshGroups(form) {
  const hasFullAccess = find(form, "[data-full]")?.checked ?? false;
  for (const groups of findAll(form, ".permission-groups")) groups.inert = hasFullAccess;
  for (const group of findAll(form, "[data-group]")) {
    const boxes = findAll(group, "[name=scopes]");
    const count = boxes.filter((box) => box.checked).length;
    const selectAll = find(group, "[data-all]");
    if (!selectAll) continue;
    selectAll.checked = count === boxes.length;
    selectAll.indeterminate = count > 0 && count < boxes.length;
  }
}

/** @param {HTMLInputElement} preset */
const scopesOf = (preset) => preset.dataset.scopes?.split(" ").filter(Boolean) ?? [];

/** @param {HTMLElement} form @param {HTMLInputElement} preset */
function applyPreset(form, preset) {
  const scopes = scopesOf(preset);
  if (!scopes.length) return;
  for (const box of findAll(form, "[name=scopes]")) box.checked = scopes.includes(box.value);
}

/** Selects the preset that equals the ticked permissions, or else the one without scopes ("Custom"). @param {HTMLElement} form */
function selectMatchingPreset(form) {
  /** @param {string[]} scopes */
  const sorted = (scopes) => scopes.sort().join(" ");
  const ticked = sorted(findAll(form, "[name=scopes]:checked").map((box) => box.value));
  const presets = findAll(form, "[name=preset]");
  const match = presets.find((preset) => scopesOf(preset).length && sorted(scopesOf(preset)) === ticked);
  const chosen = match ?? presets.find((preset) => !scopesOf(preset).length);
  if (chosen) chosen.checked = true;
}

document.addEventListener("input", (event) => {
  const field = targetOf(event);
  const form = closest(event, "[data-keyform]");
  if (!form) return;
  const group = field.matches("[data-all]") && field.closest("[data-group]");
  if (group) {
    for (const box of findAll(group, "[name=scopes]")) box.checked = field.checked;
  }
  if (field.name === "preset") applyPreset(form, field);
  if (field.matches("[name=scopes], [data-all]")) selectMatchingPreset(form);
  refreshGroups(form);
});

document.addEventListener("dialog:opened", (event) => {
  const form = find(targetOf(event), "[data-keyform]");
  if (form) refreshGroups(form);
});

// A browser that comes back to the page fills in what was typed, but the parts that the server rendered for another owner,
// and the preview, are those of the first visit.

/** Whether the field differs from what the server rendered. @param {any} field */
function isRestored(field) {
  if (field.type === "checkbox" || field.type === "radio") return field.checked !== field.defaultChecked;
  if (field.localName !== "select") return "defaultValue" in field && field.value !== field.defaultValue;
  const rendered = [...field.options].find((option) => option.defaultSelected) ?? field.options[0];
  return field.value !== rendered?.value;
}

addEventListener("pageshow", (event) => {
  if (event.persisted) return; // all of the page is as it was left
  for (const form of findAll(document, "[data-keyform]")) {
    const restored = findAll(form, "input, select, textarea").filter(isRestored);
    for (const field of restored) {
      if (field.name === "owner") field.dispatchEvent(new Event("change", { bubbles: true }));
    }
    restored[0]?.dispatchEvent(new Event("input", { bubbles: true }));
  }
});

// A preview that says the same again is not announced again.
onDetail("htmx:oobBeforeSwap", (detail) => {
  /** @param {Node} node */
  const words = (node) => node.textContent?.trim().replace(/\s+/g, " ");
  if (detail.target.matches("[role=status]") && words(detail.target) === words(detail.fragment)) detail.shouldSwap = false;
});

// Empty fields of a form with filters do not get into the URL. Without this script the server removes them.

document.addEventListener("formdata", (event) => {
  const { formData } = /** @type {FormDataEvent} */ (event);
  if (/** @type {any} */ (event.target).method !== "get") return;
  for (const name of new Set(formData.keys())) {
    const values = formData.getAll(name).filter((value) => value !== "");
    formData.delete(name);
    for (const value of values) formData.append(name, value);
  }
});

onDetail("htmx:configRequest", ({ verb, parameters }) => {
  if (verb !== "get") return;
  for (const name of Object.keys(parameters)) if (parameters[name] === "") delete parameters[name];
});

// The secret of a key that is pasted is removed before anything is sent or comes into the URL.

const KEY_ID_AND_SECRET = /([a-z][a-z0-9]{1,11}_[0-9A-Za-z]{16})_[0-9A-Za-z]*/;
const COMPACT_KEY = /([a-z][a-z0-9]{1,11}_[0-9a-f]{8})[0-9a-f]{24}/;
const RUN = /(?<![0-9A-Za-z])(?:[0-9A-Za-z]{49}|[0-9A-Za-z]{43})(?![0-9A-Za-z])/;

/** Another spelling of the same text, without percent-encoding, blanks and slashes. @param {string} text */
function joined(text) {
  let plain = text.normalize("NFKC");
  try {
    for (let round = 0; round < 3; round += 1) plain = decodeURIComponent(plain);
  } catch {
    // a percent sign that encodes nothing
  }
  return plain.replace(/[\s/\\]+/g, "");
}

/** Whether a text of the length of a secret has all kinds of characters. @param {string} text */
const isSecret = (text) => RUN.test(text) && /[0-9]/.test(text) && /[A-Z]/.test(text) && /[a-z]/.test(text);

/** The text without its secret; undefined if it has none. @param {string} text */
function withoutSecret(text) {
  const plain = joined(text);
  const match = KEY_ID_AND_SECRET.exec(plain) ?? COMPACT_KEY.exec(plain);
  if (match) return match[1];
  return isSecret(plain) || isSecret(text) ? "" : undefined;
}

/** Before htmx, which listens on the field. @param {Event} event */
function strip(event) {
  const field = targetOf(event);
  if (!field.matches?.("input[type=search], [data-strip-secret]")) return;
  const rest = withoutSecret(field.value);
  if (rest === undefined) return;
  field.value = rest;
  event.stopImmediatePropagation();
  if (field.type !== "search" || !field.form) {
    send(document, "toast", texts.secretRemoved);
    return;
  }
  const mark = document.createElement("input");
  [mark.type, mark.name, mark.value] = ["hidden", "pasted", "1"];
  field.form.append(mark);
  field.form.requestSubmit();
}

for (const type of ["input", "change", "search"]) document.addEventListener(type, strip, { capture: true });
