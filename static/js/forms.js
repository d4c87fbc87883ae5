// @ts-check
/**
 * Forms: the allow-list editor, allow-list rows in a form, rows that can be added and removed, and the key form.
 *
 * Reads: [data-allow-list] the editor with [data-tick], [data-focus], [data-undo] · [data-networks] the rows with
 *        [data-network-draft], [data-network-add], [data-network-mine], [data-network-remove] · [data-rows] with
 *        [data-row-add], [data-row-remove] · [data-keyform] with its <template data-words>.
 */
import { closest, find, findAll, language, targetOf } from "./dom.js";

/** The content of an element's <template>, copied. @param {Element} root */
const copyTemplate = (root) =>
  /** @type {DocumentFragment} */ (/** @type {HTMLTemplateElement} */ (root.querySelector("template")).content.cloneNode(true));

// The allow-list editor. The server decides what is valid: it enables the tick, and says what is wrong when Enter or the
// disabled tick is pressed. After a change the focus moves to the answer's [data-focus].

const UNDO_MS = 8000;

// dialogs.js keeps aria-disabled buttons from acting; pressing this one asks the server what is wrong.
document.addEventListener(
  "click",
  (event) => {
    const tick = closest(event, "[data-tick]");
    if (tick?.getAttribute("aria-disabled") === "true") tick.form?.requestSubmit();
  },
  true,
);

document.addEventListener("keydown", (event) => {
  if (!closest(event, "[data-allow-list]")) return;
  const field = targetOf(event);
  if (event.key === "Enter" && field.matches("#network-new")) {
    event.preventDefault();
    field.form?.requestSubmit();
  }
  const form = field.closest("form");
  if (event.key === "Escape" && form) find(form, "[data-cancel]")?.click();
});

document.addEventListener("htmx:afterSettle", (event) => {
  if (!closest(event, "[data-allow-list]")) return;
  const field = find(targetOf(event), "[data-focus]");
  field?.focus();
  if (field?.value) field.select();
  removeUndoLater(find(targetOf(event), "[data-undo]"));
});

/** The offer to undo disappears, but not while it is about to be pressed. @param {HTMLElement | null} row */
function removeUndoLater(row) {
  if (!row) return;
  setTimeout(() => (row.matches(":hover, :focus-within") ? removeUndoLater(row) : row.remove()), UNDO_MS);
}

// Allow-list rows inside a form. The tick is enabled while the text looks like an address or a range; the server decides
// whether it is one. Every change sends "input" on the list's root.

const IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?!\/|$)|(?=\/|$))){4}(?:\/(?:3[0-2]|[12]?\d))?$/;
const IPV6 = /^(?=.*:)[0-9a-f:]{2,39}(?:(?:\d{1,3}\.){3}\d{1,3})?(?:\/(?:12[0-8]|1[01]\d|[1-9]?\d))?$/i;

/** @param {string} text */
const looksLikeNetwork = (text) => IPV4.test(text) || IPV6.test(text);
/** @param {ParentNode} root */
const draftOf = (root) => /** @type {HTMLInputElement} */ (find(root, "[data-network-draft]"));

/** @param {ParentNode} root */
function refreshTick(root) {
  const draft = draftOf(root);
  const isRejected = draft.getAttribute("aria-invalid") === "true" && draft.value === draft.defaultValue;
  const isReady = looksLikeNetwork(draft.value.trim()) && !isRejected;
  find(root, "[data-network-add]")?.setAttribute("aria-disabled", String(!isReady));
}

/** @param {HTMLElement} root @param {string} network */
function addNetwork(root, network) {
  const isListed = findAll(root, "input[type=hidden]").some((input) => input.value === network);
  if (!looksLikeNetwork(network) || isListed) return;
  const row = copyTemplate(root);
  /** @type {HTMLElement} */ (find(row, "code")).textContent = network;
  /** @type {HTMLInputElement} */ (find(row, "input")).value = network;
  const remove = /** @type {HTMLElement} */ (find(row, "[data-network-remove]"));
  remove.setAttribute("aria-label", (remove.dataset.removeLabel ?? "").replace("{network}", network));
  find(root, "ul")?.append(row);
  const draft = draftOf(root);
  if (draft.value.trim() === network) draft.value = "";
  afterNetworkChange(root);
}

/** @param {HTMLElement} root */
function afterNetworkChange(root) {
  refreshTick(root);
  draftOf(root).focus();
  root.dispatchEvent(new Event("input", { bubbles: true }));
}

document.addEventListener("dialog:opened", (event) => {
  for (const root of findAll(targetOf(event), "[data-networks]")) {
    refreshTick(root);
    // These buttons need this script, so they are hidden without it.
    for (const button of findAll(root, "[data-network-add], [data-network-mine]")) button.hidden = false;
  }
});

document.addEventListener("input", (event) => {
  const root = targetOf(event).matches("[data-network-draft]") && closest(event, "[data-networks]");
  if (root) refreshTick(root);
});

document.addEventListener("click", (event) => {
  const root = closest(event, "[data-networks]");
  if (!root) return;
  const ownAddress = closest(event, "[data-network-mine]")?.dataset.networkMine;
  if (ownAddress) addNetwork(root, ownAddress);
  if (closest(event, "[data-network-add]")) addNetwork(root, draftOf(root).value.trim());
  const remove = closest(event, "[data-network-remove]");
  if (remove) {
    remove.closest("li")?.remove();
    afterNetworkChange(root);
  }
});

// Enter adds the row; without this it submits the form.
document.addEventListener("keydown", (event) => {
  const root = targetOf(event).matches("[data-network-draft]") && closest(event, "[data-networks]");
  if (event.key !== "Enter" || !root) return;
  event.preventDefault();
  addNetwork(root, targetOf(event).value.trim());
});

// Rows that can be added and removed. Without this script, blank rows wait to be filled in.

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

// The key form: presets, tri-state "Select all", the expiry caption, the warnings and the key in one sentence. They
// follow each change at once; the texts come from the form's <template data-words>.

const DAY_MS = 24 * 60 * 60 * 1000;
/** @type {Intl.DateTimeFormatOptions} */
const dayFormat = { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" };
const dates = new Intl.DateTimeFormat(language, dayFormat);
const times = new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone: "UTC" });
const lists = new Intl.ListFormat(language, { type: "conjunction" });

/** @typedef {ReturnType<typeof readKeyForm>} KeyForm */

/** @param {ParentNode} form @param {string} selector */
const part = (form, selector) => /** @type {HTMLInputElement} */ (find(form, selector));
/** @param {ParentNode} form @param {string} name */
const checked = (form, name) => find(form, `[name="${name}"]:checked`);
/** @param {string} text @param {Record<string, string>} values */
const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
/** @param {ParentNode} form */
const keyFormTexts = (form) => /** @type {Record<string, string>} */ (part(form, "[data-words]").dataset);
/** @param {HTMLInputElement[]} inputs @param {string} name */
const listOf = (inputs, name) => lists.format(inputs.map((input) => input.dataset[name] ?? ""));

/** What the form says at this moment. @param {HTMLElement} form */
function readKeyForm(form) {
  const hasFullAccess = find(form, "[data-full]")?.checked ?? false;
  return {
    hasFullAccess,
    scopes: hasFullAccess ? [] : findAll(form, "[name=scopes]:checked"),
    networks: networksOf(form),
    channels: findAll(form, "[name=channels]:checked"),
    expiryChoice: checked(form, "expires")?.value,
    expiry: expiryOf(form),
    limit: checked(form, "tier")?.dataset.limit ?? "",
    name: part(form, "[name=name]").value.trim(),
  };
}

/** The key's own networks, or else its bot's, which apply to it too. @param {HTMLElement} form */
function networksOf(form) {
  const own = findAll(form, "[name=networks]").map((input) => input.value.trim()).filter(Boolean);
  return own.length ? own : botNetworksOf(form);
}

/** @param {HTMLElement} form */
const botNetworksOf = (form) => find(form, "[data-bot-networks]")?.dataset.botNetworks?.split(" ").filter(Boolean) ?? [];

/** When the key expires, in ms; null if never, undefined while no date is chosen. @param {HTMLElement} form */
function expiryOf(form) {
  const choice = checked(form, "expires");
  if (!choice || choice.value === "never") return null;
  if (choice.dataset.end) return Date.parse(choice.dataset.end);
  const date = part(form, "[name=expires_on]").value;
  if (choice.value === "custom") return date ? Date.parse(`${date}T23:59:59Z`) : undefined;
  return Date.now() + Number(choice.value) * DAY_MS;
}

/** @param {HTMLElement} form */
function refreshKeyForm(form) {
  const state = readKeyForm(form);
  refreshGroups(form, state);
  refreshExpiry(form, state);
  refreshEmptyList(form);
  refreshWarning(form, state);
  refreshUsedScopes(form, state);
  refreshSentence(form, state);
}

/** @param {HTMLElement} form @param {KeyForm} state */
function refreshGroups(form, { hasFullAccess }) {
  part(form, "[data-presets]").hidden = false;
  part(form, ".permission-groups").inert = hasFullAccess;
  for (const group of findAll(form, "[data-group]")) {
    const boxes = findAll(group, "[name=scopes]");
    const count = boxes.filter((box) => box.checked).length;
    part(group, "[data-all-label]").hidden = false;
    const selectAll = part(group, "[data-all]");
    selectAll.checked = count === boxes.length;
    selectAll.indeterminate = count > 0 && count < boxes.length;
  }
}

/** @param {HTMLElement} form @param {KeyForm} state */
function refreshExpiry(form, { expiryChoice, expiry }) {
  const texts = keyFormTexts(form);
  part(form, "[data-unscripted]").hidden = true;
  part(form, "[data-custom]").hidden = expiryChoice !== "custom";
  const caption = part(form, "[data-expiry-caption]");
  caption.hidden = false;
  caption.classList.toggle("warn", expiry === null);
  const date = expiry ? { date: dates.format(expiry), time: times.format(expiry) } : null;
  const text = expiry === null ? texts.never : date ? fill(texts.expires, date) : texts.pickDate;
  const line = part(caption, "span");
  if (line.textContent !== text) line.textContent = text;
}

/** What the list says while it has no rows. @param {HTMLElement} form */
function refreshEmptyList(form) {
  const networks = botNetworksOf(form);
  const texts = keyFormTexts(form);
  const text = networks.length ? fill(texts.botsNetworks, { networks: networks.join(", ") }) : texts.noNetworks;
  part(form, "[data-none]").textContent = text;
}

/** A warning if a key that can write or export accepts any address. @param {HTMLElement} form @param {KeyForm} state */
function refreshWarning(form, { hasFullAccess, scopes, networks }) {
  const texts = keyFormTexts(form);
  const callout = part(form, "[data-broad] .callout");
  const sensitive = scopes.filter((scope) => "sensitive" in scope.dataset);
  callout.hidden = networks.length > 0 || !(hasFullAccess || sensitive.length);
  if (callout.hidden) return;
  const abilities = hasFullAccess ? texts.everything : listOf(sensitive, "ability");
  const remedy = fill(texts.broadRemedy, { permissions: listOf(sensitive, "label") });
  part(callout, "b").textContent = fill(texts.broad, { abilities });
  part(callout, "span").textContent = hasFullAccess ? texts.broadRemedyFull : remedy;
}

/** A warning about unticked permissions that the key used this week. @param {HTMLElement} form @param {KeyForm} state */
function refreshUsedScopes(form, { hasFullAccess }) {
  const callout = find(form, "[data-missed] .callout");
  if (!callout) return;
  const unticked = hasFullAccess ? [] : findAll(form, "[name=scopes][data-held]:not(:checked)");
  callout.hidden = !unticked.length;
  const permissions = listOf(unticked, "label");
  part(callout, "span").textContent = unticked.length ? fill(keyFormTexts(form).missed, { permissions }) : "";
}

/** @param {HTMLElement} form @param {KeyForm} state */
function refreshSentence(form, state) {
  const texts = keyFormTexts(form);
  const target = part(form, "[data-sentence]");
  if (!state.hasFullAccess && !state.scopes.length) {
    target.textContent = texts.nothing;
    return;
  }
  target.replaceChildren(
    ...boldParts(texts.sentence, {
      name: state.name || texts.thisKey,
      abilities: state.hasFullAccess ? texts.everything : listOf(state.scopes, "ability"),
      channels: state.channels.length ? listOf(state.channels, "label") : texts.allChannels,
      networks: state.networks.length ? lists.format(state.networks) : texts.anyAddress,
      until: state.expiry ? fill(texts.until, { date: dates.format(state.expiry) }) : texts.noEnd,
      limit: state.limit,
    }),
  );
}

/** The sentence as nodes, with the name and the abilities in bold. @param {string} sentence @param {Record<string, string>} values */
function boldParts(sentence, values) {
  return sentence.split(/(\{\w+\})/).map((piece) => {
    const name = piece.match(/^\{(\w+)\}$/)?.[1];
    if (name !== "name" && name !== "abilities") return name ? (values[name] ?? "") : piece;
    return Object.assign(document.createElement("b"), { textContent: values[name] });
  });
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
  refreshKeyForm(form);
});

document.addEventListener("dialog:opened", (event) => {
  const form = find(targetOf(event), "[data-keyform]");
  if (form) refreshKeyForm(form);
});

// Another owner brings other channels and rules.
document.addEventListener("htmx:afterSettle", () => {
  const form = find(document, "dialog:modal [data-keyform]");
  if (form) refreshKeyForm(form);
});
