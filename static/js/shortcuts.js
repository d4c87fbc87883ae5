/**
 * C create, / search, ? help, G K and G H to go. Off while somebody types, holds a modifier, or a dialog or a
 * menu is open, and for who has switched them off. [data-shortcut] names the key that presses an element,
 * [data-slash] is the search field.
 */
const SEQUENCE = 1000;
const targets = document.getElementById("shortcut-targets")?.dataset;
const isOff = targets?.off !== undefined;
let leaderAt = 0;

const resting = (event) =>
  event.defaultPrevented ||
  event.ctrlKey ||
  event.metaKey ||
  event.altKey ||
  event.target.matches?.("input, textarea, select, [contenteditable]") ||
  document.querySelector("dialog[open], .menu:popover-open");

function showHelp() {
  const help = document.getElementById("shortcuts");
  if (!help) return;
  document.getElementById("dialog-slot").replaceChildren(help.content.cloneNode(true));
  document.dispatchEvent(new CustomEvent("dialog:open"));
}

/** The page that G and this key lead to. */
function goal(key) {
  if (Date.now() - leaderAt > SEQUENCE) return undefined;
  return { k: targets?.keys, h: targets?.history }[key];
}

function act(key) {
  const url = goal(key);
  if (url) return location.assign(url);
  leaderAt = key === "g" ? Date.now() : 0;
  if (key === "?") return showHelp();
  if (key === "/") return document.querySelector("[data-slash]")?.focus();
  const pressed = document.querySelectorAll(`[data-shortcut="${CSS.escape(key)}"]`);
  return [...pressed].find((element) => element.checkVisibility())?.click();
}

document.addEventListener("keydown", (event) => {
  if (isOff || resting(event) || event.key.length !== 1) return;
  if (event.key === "/" || event.key === "?") event.preventDefault();
  act(event.key.toLowerCase());
});

document.addEventListener("click", (event) => {
  if (!event.target.closest("[data-shortcuts]")) return;
  document.getElementById("me-button")?.focus();
  showHelp();
});
