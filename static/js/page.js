// @ts-check
/**
 * The frame of every page: theme, keyboard shortcuts, tips, charts, printing, background requests.
 *
 * Reads: [data-theme-choice] a theme in the menu · [data-shortcut] the key that presses an element · [data-slash] the
 * search field · [data-shortcuts] opens the list of shortcuts · #shortcut-targets the pages behind G K and G H ·
 * time[datetime], [data-tip] · .chart with .day · [data-print] prints · [data-poll] a request that repeats.
 * Sends: "dialog:open" after the list of shortcuts was put into #dialog-slot.
 */
import { byId, closest, find, findAll, language, onDetail, send, targetOf, texts } from "./dom.js";

// Theme: kept in a cookie, so that the server renders the right one, and applied at once.

const YEAR_SECONDS = 365 * 24 * 60 * 60;

document.addEventListener("click", (event) => {
  const choice = closest(event, "[data-theme-choice]");
  if (!choice) return;
  const theme = choice.dataset.themeChoice;
  const secure = location.protocol === "https:" ? "; Secure" : "";
  document.cookie = `keyadmin_theme=${theme}; Path=/; Max-Age=${YEAR_SECONDS}; SameSite=Lax${secure}`;
  document.documentElement.dataset.theme = theme;
  for (const other of findAll(document, "[data-theme-choice]")) {
    other.setAttribute("aria-checked", String(other === choice));
  }
});

// Shortcuts: C create, / search, ? help, G K and G H go to a page. They do nothing while the focus is in a field, a
// modifier is held, a dialog or menu is open, or the person switched them off.

const SEQUENCE_MS = 1000;
const shortcutTargets = byId("shortcut-targets")?.dataset;
const shortcutsAreOff = shortcutTargets?.off !== undefined;
let gPressedAt = 0;

/** @param {KeyboardEvent} event */
const isTyping = (event) =>
  event.defaultPrevented ||
  event.ctrlKey ||
  event.metaKey ||
  event.altKey ||
  targetOf(event).matches?.("input, textarea, select, [contenteditable]") ||
  document.querySelector("dialog[open], .menu:popover-open") !== null;

function showShortcuts() {
  const help = /** @type {HTMLTemplateElement | null} */ (document.querySelector("template#shortcuts"));
  if (!help) return;
  byId("dialog-slot")?.replaceChildren(help.content.cloneNode(true));
  send(document, "dialog:open");
}

/** The page that G followed by this key leads to. @param {string} key @returns {string | undefined} */
function pageAfterG(key) {
  if (Date.now() - gPressedAt > SEQUENCE_MS) return undefined;
  if (key === "k") return shortcutTargets?.keys;
  return key === "h" ? shortcutTargets?.history : undefined;
}

/** @param {string} key */
function pressShortcut(key) {
  const url = pageAfterG(key);
  if (url) return location.assign(url);
  gPressedAt = key === "g" ? Date.now() : 0;
  if (key === "?") return showShortcuts();
  if (key === "/") return find(document, "[data-slash]")?.focus();
  const candidates = findAll(document, `[data-shortcut="${CSS.escape(key)}"]`);
  return candidates.find((element) => element.checkVisibility())?.click();
}

document.addEventListener("keydown", (event) => {
  if (shortcutsAreOff || isTyping(event) || event.key.length !== 1) return;
  if (event.key === "/" || event.key === "?") event.preventDefault();
  pressShortcut(event.key.toLowerCase());
});

document.addEventListener("click", (event) => {
  if (!closest(event, "[data-shortcuts]")) return;
  byId("me-button")?.focus();
  showShortcuts();
});

// A link with role=button is pressed by Space, as a button is.
document.addEventListener("keydown", (event) => {
  if (event.key !== " " || !targetOf(event).matches?.("a[role=button]")) return;
  event.preventDefault();
  targetOf(event).click();
});

// On hover, focus and touch, a <time> shows its absolute time in UTC and in the reader's time zone; [data-tip] shows its
// title, which the browser would show on hover only.

const TIP_GAP_PX = 6;
const SCREEN_MARGIN_PX = 8;
const utcTime = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short", timeZone: "UTC" });
const localTime = localTimeFormat(document.documentElement.dataset.timeZone || undefined);

/** In the browser's time zone if it does not know the given one. @param {string | undefined} timeZone @returns {Intl.DateTimeFormat} */
function localTimeFormat(timeZone) {
  try {
    return new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short", timeZone });
  } catch {
    return localTimeFormat(undefined);
  }
}

const upperLine = document.createElement("span");
const lowerLine = document.createElement("span");
const tip = Object.assign(document.createElement("div"), { id: "tip", className: "tip", popover: "manual" });
tip.setAttribute("role", "tooltip");
tip.append(upperLine, lowerLine);
document.body.append(tip);
/** @type {HTMLElement | null} */
let described = null;

/** The title of an element, which it then lacks: the browser would show it as well. @param {HTMLElement} element */
function takeTitle(element) {
  const title = element.querySelector(":scope > title"); // of SVG
  element.dataset.tip ||= title?.textContent ?? element.getAttribute("title") ?? "";
  title?.remove();
  element.removeAttribute("title");
  return element.dataset.tip;
}

/** @param {HTMLElement} element */
function showTip(element) {
  if (element === described) return;
  hideTip();
  described = element;
  const time = element.getAttribute("datetime");
  const title = takeTitle(element);
  const moment = new Date(time ?? 0);
  upperLine.textContent = title || `${utcTime.format(moment)} UTC`;
  lowerLine.textContent = time ? (texts.localTime ?? "{time}").replace("{time}", localTime.format(moment)) : "";
  if (element.getAttribute("aria-label") !== title) element.setAttribute("aria-describedby", tip.id);
  // Outside an open modal dialog the tip is not announced.
  (element.closest("dialog") ?? document.body).append(tip);
  tip.showPopover();
  placeTip(element.getBoundingClientRect());
}

/** @param {DOMRect} anchor */
function placeTip(anchor) {
  const centred = anchor.left + anchor.width / 2 - tip.offsetWidth / 2;
  const rightmost = innerWidth - tip.offsetWidth - SCREEN_MARGIN_PX;
  const above = anchor.top - tip.offsetHeight - TIP_GAP_PX;
  tip.style.left = `${Math.max(SCREEN_MARGIN_PX, Math.min(centred, rightmost))}px`;
  tip.style.top = `${above > SCREEN_MARGIN_PX ? above : anchor.bottom + TIP_GAP_PX}px`;
}

function hideTip() {
  described?.removeAttribute("aria-describedby");
  described = null;
  if (tip.isConnected && tip.matches(":popover-open")) tip.hidePopover();
}

for (const name of ["pointerover", "focusin"]) {
  document.addEventListener(name, (event) => {
    const element = closest(event, "time[datetime], [data-tip]");
    if (element) showTip(element);
    else hideTip();
  });
}
document.addEventListener("focusout", hideTip);
document.addEventListener("scroll", hideTip, true);
document.addEventListener("keydown", (event) => event.key === "Escape" && hideTip());

// Charts: the arrow keys, Home and End move between the days. The one with the focus is in the tab order.

document.addEventListener("keydown", (event) => {
  const day = closest(event, ".chart .day");
  const chart = day?.closest(".chart");
  if (!day || !chart) return;
  const days = findAll(chart, ".day");
  const index = days.indexOf(day);
  /** @type {Record<string, number | undefined>} */
  const places = { ArrowLeft: index - 1, ArrowRight: index + 1, Home: 0, End: days.length - 1 };
  const next = days[places[event.key] ?? -1];
  if (places[event.key] === undefined) return;
  event.preventDefault();
  if (!next) return;
  day.setAttribute("tabindex", "-1");
  next.setAttribute("tabindex", "0");
  next.focus();
});

// Printing: [data-print] prints this page; a page with [data-print-now] was opened to be printed.

document.addEventListener("click", (event) => {
  if (!closest(event, "[data-print]")) return;
  event.preventDefault();
  print();
});

if (find(document, "[data-print-now]")) addEventListener("load", () => print());

// Repeated requests pause while the page is hidden.
onDetail("htmx:beforeRequest", ({ elt }, event) => {
  if (elt.matches("[data-poll]") && document.hidden) event.preventDefault();
});

// A swap that removes the focused element moves the focus to what took its place: the element with its id or name, the
// new heading, or the main part of the page. dialogs.js moves it while a dialog opens or closes.

/** @type {HTMLElement | null} */
let focused = null;

document.addEventListener("focusin", (event) => (focused = targetOf(event)));

// After the other listeners, which may know a better place.
document.addEventListener("htmx:afterSettle", (event) => setTimeout(() => moveLostFocus(event)));

/** @param {Event} event */
function moveLostFocus(event) {
  if (document.activeElement !== document.body || !focused || focused.isConnected) return;
  const { id, name } = /** @type {HTMLInputElement} */ (focused);
  const scope = find(document, "dialog:modal") ?? document;
  const place = targetOf(event).isConnected ? targetOf(event) : scope;
  const candidates = [
    id && byId(id),
    name && find(scope, `[name="${CSS.escape(name)}"]`),
    find(place, "[aria-invalid=true]"),
    find(place, ":is(h1, h2)[tabindex]"),
    find(scope, "#dialog-title"),
    byId("main"),
  ];
  for (const candidate of candidates) {
    if (candidate && candidate.checkVisibility()) candidate.focus();
    if (document.activeElement !== document.body) return;
  }
}
