/**
 * The form that creates or edits a key: presets, tri-state "Select all", the expiry caption, the warning about too much
 * power and the key in one sentence. The words come from the form's <template data-words>.
 */
const DAY = 24 * 60 * 60 * 1000;
const language = document.documentElement.lang === "en" ? "en-GB" : document.documentElement.lang || "en-GB";
const day = { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" };
const dates = new Intl.DateTimeFormat(language, day);
const times = new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone: "UTC" });
const lists = new Intl.ListFormat(language, { type: "conjunction" });

const all = (root, selector) => [...root.querySelectorAll(selector)];
const picked = (form, name) => form.querySelector(`[name="${name}"]:checked`);
const fill = (sentence, values) => sentence.replace(/\{(\w+)\}/g, (_, name) => values[name]);
const wordsOf = (form) => form.querySelector("[data-words]").dataset;

/** What the form says at this moment. */
function read(form) {
  const full = form.querySelector("[data-full]")?.checked ?? false;
  return {
    full,
    scopes: full ? [] : all(form, "[name=scopes]:checked"),
    networks: networksOf(form),
    channels: all(form, "[name=channels]:checked").map((input) => input.dataset.label),
    choice: picked(form, "expires")?.value,
    end: endOf(form),
    limit: picked(form, "tier")?.dataset.limit,
    name: form.querySelector("[name=name]").value.trim(),
  };
}

/** Its own ranges, else those of its bot, which hold for it as well. */
function networksOf(form) {
  const own = all(form, "[name=networks]").map((input) => input.value.trim()).filter(Boolean);
  return own.length ? own : botNetworksOf(form);
}

const botNetworksOf = (form) =>
  form.querySelector("[data-bot-networks]")?.dataset.botNetworks.split(" ").filter(Boolean) ?? [];

/** What stands in place of the rows while there are none. */
function refreshNone(form) {
  const bots = botNetworksOf(form);
  const words = wordsOf(form);
  form.querySelector("[data-none]").textContent = bots.length ? fill(words.botsNetworks, { networks: bots.join(", ") }) : words.noNetworks;
}

/** The moment the key ends; null when it never does, "" while no date is picked. */
function endOf(form) {
  const chosen = picked(form, "expires");
  if (!chosen || chosen.value === "never") return null;
  if (chosen.dataset.end) return Date.parse(chosen.dataset.end);
  const date = form.querySelector("[name=expires_on]").value;
  if (chosen.value === "custom") return date ? Date.parse(`${date}T23:59:59Z`) : "";
  return Date.now() + Number(chosen.value) * DAY;
}

function refresh(form) {
  const state = read(form);
  refreshGroups(form, state.full);
  refreshExpiry(form, state);
  refreshNone(form);
  refreshWarning(form, state);
  refreshMissed(form, state);
  refreshSentence(form, state);
}

function refreshGroups(form, full) {
  form.querySelector("[data-presets]").hidden = false;
  form.querySelector(".permission-groups").inert = full;
  for (const group of all(form, "[data-group]")) {
    const boxes = all(group, "[name=scopes]");
    const count = boxes.filter((box) => box.checked).length;
    const whole = group.querySelector("[data-all]");
    group.querySelector("[data-all-label]").hidden = false;
    whole.checked = count === boxes.length;
    whole.indeterminate = count > 0 && count < boxes.length;
  }
}

function refreshExpiry(form, { choice, end }) {
  const words = wordsOf(form);
  form.querySelector("[data-unscripted]").hidden = true;
  form.querySelector("[data-custom]").hidden = choice !== "custom";
  const caption = form.querySelector("[data-expiry-caption]");
  caption.hidden = false;
  caption.classList.toggle("warn", end === null);
  const said = end === null ? words.never : end ? fill(words.expires, { date: dates.format(end), time: times.format(end) }) : words.pickDate;
  const text = caption.querySelector("span");
  if (text.textContent !== said) text.textContent = said;
}

/** A key that can write or export, open to any address, deserves a second look. */
function refreshWarning(form, { full, scopes, networks }) {
  const words = wordsOf(form);
  const callout = form.querySelector("[data-broad] .callout");
  const sensitive = scopes.filter((scope) => "sensitive" in scope.dataset);
  callout.hidden = networks.length > 0 || !(full || sensitive.length);
  if (callout.hidden) return;
  const abilities = full ? words.everything : lists.format(sensitive.map((scope) => scope.dataset.ability));
  const permissions = lists.format(sensitive.map((scope) => scope.dataset.label));
  callout.querySelector("b").textContent = fill(words.broad, { abilities });
  callout.querySelector("span").textContent = full ? words.broadRemedyFull : fill(words.broadRemedy, { permissions });
}

/** A permission that a busy key is about to lose. */
function refreshMissed(form, { full }) {
  const callout = form.querySelector("[data-missed] .callout");
  if (!callout) return;
  const missed = full ? [] : all(form, "[name=scopes][data-held]:not(:checked)");
  callout.hidden = !missed.length;
  const permissions = lists.format(missed.map((scope) => scope.dataset.label));
  callout.querySelector("span").textContent = missed.length ? fill(wordsOf(form).missed, { permissions }) : "";
}

function refreshSentence(form, state) {
  const words = wordsOf(form);
  const target = form.querySelector("[data-sentence]");
  if (!state.full && !state.scopes.length) {
    target.textContent = words.nothing;
    return;
  }
  const values = {
    name: state.name || words.thisKey,
    abilities: state.full ? words.everything : lists.format(state.scopes.map((scope) => scope.dataset.ability)),
    channels: state.channels.length ? lists.format(state.channels) : words.allChannels,
    networks: state.networks.length ? lists.format(state.networks) : words.anyAddress,
    until: state.end ? fill(words.until, { date: dates.format(state.end) }) : words.noEnd,
    limit: state.limit,
  };
  target.replaceChildren(...marked(words.sentence, values));
}

/** The sentence as nodes: the key's name and what it can do are bold. */
function marked(sentence, values) {
  return sentence.split(/(\{\w+\})/).map((part) => {
    const name = part.match(/^\{(\w+)\}$/)?.[1];
    if (name !== "name" && name !== "abilities") return name ? values[name] : part;
    return Object.assign(document.createElement("b"), { textContent: values[name] });
  });
}

function usePreset(form, preset) {
  const scopes = preset.dataset.scopes.split(" ").filter(Boolean);
  if (!scopes.length) return;
  for (const box of all(form, "[name=scopes]")) box.checked = scopes.includes(box.value);
}

/** Ticks the preset that is what the boxes say; the one without scopes ("Custom") fits everything. */
function matchPreset(form) {
  const ticked = all(form, "[name=scopes]:checked").map((box) => box.value).sort().join(" ");
  const presets = all(form, "[name=preset]");
  const scopesOf = (preset) => preset.dataset.scopes.split(" ").filter(Boolean).sort().join(" ");
  const match = presets.find((preset) => scopesOf(preset) && scopesOf(preset) === ticked);
  const chosen = match ?? presets.find((preset) => !scopesOf(preset));
  if (chosen) chosen.checked = true;
}

document.addEventListener("input", (event) => {
  const field = event.target;
  const form = field.closest("[data-keyform]");
  if (!form) return;
  if (field.matches("[data-all]")) {
    for (const box of all(field.closest("[data-group]"), "[name=scopes]")) box.checked = field.checked;
  }
  if (field.name === "preset") usePreset(form, field);
  if (field.matches("[name=scopes], [data-all]")) matchPreset(form);
  refresh(form);
});

document.addEventListener("dialog:opened", (event) => {
  const form = event.target.querySelector("[data-keyform]");
  if (form) refresh(form);
});

// Another owner has brought other channels and rules.
document.addEventListener("htmx:afterSettle", () => {
  const form = document.querySelector("dialog:modal [data-keyform]");
  if (form) refresh(form);
});
