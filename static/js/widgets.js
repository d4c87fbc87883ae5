// @ts-check
/**
 * Widgets that a page may have anywhere: menus, tabs, copy and download buttons, and the eye of a password field.
 *
 * Reads: [popovertarget] and .menu[role=menu] · [role=tab] with aria-controls · [data-copy] the text itself, or
 *        [data-copy-from] the id of the element that shows it (so that a secret stands in one place only), or
 *        [data-copy-panel] the open tab · [data-download] a file name with [data-download-from] an id ·
 *        [data-show-password] the id of a password field.
 */
import { byId, closest, find, findAll, normalise, send, targetOf, texts } from "./dom.js";

// Menus: placed beside their button; arrows, Home, End and letters move the focus. The browser opens and closes them.

const MENU_GAP_PX = 4;
const SCREEN_MARGIN_PX = 8;
const TYPE_AHEAD_MS = 500;
let typedLetters = "";
let typedAt = 0;

/** @type {HTMLInputElement | null} */
let pressedButton = null;

document.addEventListener("click", (event) => (pressedButton = closest(event, "[popovertarget]") ?? pressedButton), true);

/** The button that opened the menu: the one pressed last, of several, else the first. @param {HTMLElement} menu */
function buttonOf(menu) {
  const selector = `[popovertarget="${menu.id}"]`;
  return pressedButton?.isConnected && pressedButton.matches(selector) ? pressedButton : find(document, selector);
}

/** @param {HTMLElement} menu */
const itemsOf = (menu) => findAll(menu, '[role^="menuitem"]');

/**
 * Below the button, or above it where there is no room; never off the screen. The right edges are in line, or the left
 * ones where the menu of a page would cover the sidebar.
 * @param {HTMLElement} menu @param {HTMLElement} button
 */
function placeMenu(menu, button) {
  const anchor = button.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = menu;
  const rightmost = innerWidth - width - SCREEN_MARGIN_PX;
  const leftmost = button.closest("main")?.getBoundingClientRect().left ?? 0;
  const wanted = anchor.right - width < leftmost ? anchor.left : anchor.right - width;
  const left = Math.max(SCREEN_MARGIN_PX, Math.min(wanted, rightmost));
  const below = anchor.bottom + MENU_GAP_PX;
  const fits = below + height <= innerHeight;
  menu.style.left = `${left}px`;
  menu.style.top = `${fits ? below : Math.max(SCREEN_MARGIN_PX, anchor.top - height - MENU_GAP_PX)}px`;
}

/**
 * The item that starts with the letters typed in a row. A single letter moves on to the next match.
 * @param {HTMLInputElement[]} items @param {number} current @param {string} letter
 */
function findByLetters(items, current, letter) {
  const now = Date.now();
  typedLetters = now - typedAt > TYPE_AHEAD_MS ? letter : typedLetters + letter;
  typedAt = now;
  const start = typedLetters.length === 1 ? current + 1 : Math.max(0, current);
  const inOrder = [...items.slice(start), ...items.slice(0, start)];
  return inOrder.find((item) => item.textContent?.trim().toLowerCase().startsWith(typedLetters.toLowerCase()));
}

/** The item that a key leads to. While the button has the focus, the first item follows it. @param {HTMLElement} menu @param {KeyboardEvent} event */
function itemForKey(menu, event) {
  const items = itemsOf(menu);
  const current = items.indexOf(/** @type {HTMLInputElement} */ (document.activeElement));
  if (event.key === "ArrowDown") return items[(current + 1) % items.length];
  if (event.key === "ArrowUp") return items.at(current < 0 ? -1 : current - 1);
  if (event.key === "Home") return items[0];
  if (event.key === "End") return items.at(-1);
  const isLetter = event.key.length === 1 && event.key !== " " && !event.ctrlKey && !event.metaKey;
  return isLetter ? findByLetters(items, current, event.key) : undefined;
}

/** @param {HTMLElement} menu */
const focusFirst = (menu) => (itemsOf(menu)[0] ?? find(menu, "input:not([type=hidden]), select, a"))?.focus();

document.addEventListener(
  "toggle",
  (event) => {
    const menu = targetOf(event);
    const button = menu.matches?.(".menu") && buttonOf(menu);
    if (!button) return;
    const isOpen = /** @type {ToggleEvent} */ (event).newState === "open";
    button.setAttribute("aria-expanded", String(isOpen));
    if (!isOpen) return;
    placeMenu(menu, button);
    if (!menu.contains(document.activeElement)) focusFirst(menu);
  },
  true,
);

/** The menu that a key press is meant for, also while the focus is still on its button. @param {Event} event */
function menuFor(event) {
  const inside = closest(event, '.menu[role="menu"]');
  const button = closest(event, "[aria-haspopup=menu]");
  return inside ?? (button && byId(button.getAttribute("popovertarget") ?? ""));
}

document.addEventListener("keydown", (event) => {
  const menu = menuFor(event);
  if (!menu) return;
  if (!menu.matches(":popover-open")) {
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
    event.preventDefault();
    menu.showPopover({ source: closest(event, "button") ?? undefined });
    if (event.key === "ArrowUp") itemsOf(menu).at(-1)?.focus();
    return;
  }
  if (event.key === "Escape") typedLetters = "";
  if (event.key === "Tab") return menu.hidePopover();
  const item = itemForKey(menu, event);
  if (!item) return;
  event.preventDefault();
  item.focus();
});

// A button that opens a menu at one of its fields: [data-focus-in-menu] is the id of the field.
document.addEventListener("click", (event) => {
  const button = closest(event, "[data-focus-in-menu]");
  if (button) setTimeout(() => byId(button.dataset.focusInMenu ?? "")?.focus());
});

// A menu of links, [data-link-menu]: [data-filter-links] hides those that do not contain the text, and Enter opens the
// first of the others. The arrow keys move the focus. [data-no-link] shows if none is left.

/** @param {HTMLElement} menu */
const shownLinks = (menu) => findAll(menu, "li:not([hidden]) > a");

document.addEventListener("input", (event) => {
  const field = targetOf(event);
  const menu = field.matches("[data-filter-links]") ? field.closest("[data-link-menu]") : null;
  if (!menu) return;
  const text = normalise(field.value).toLowerCase();
  for (const row of findAll(menu, "li")) row.hidden = !normalise(row.textContent ?? "").toLowerCase().includes(text);
  const notice = find(menu, "[data-no-link]");
  if (notice) notice.hidden = shownLinks(/** @type {HTMLElement} */ (menu)).length > 0;
});

document.addEventListener("keydown", (event) => {
  const menu = closest(event, "[data-link-menu]");
  if (!menu) return;
  const links = shownLinks(menu);
  const place = links.indexOf(targetOf(event));
  const field = find(menu, "[data-filter-links]");
  const last = links.length - 1;
  /** @type {Record<string, HTMLElement | null | undefined>} */
  const targets = {
    ArrowDown: links[Math.min(place + 1, last)],
    ArrowUp: place > 0 ? links[place - 1] : field,
    Home: place < 0 ? null : links[0],
    End: place < 0 ? null : links[last],
  };
  if (event.key === "Enter" && place < 0) links[0]?.click();
  if (event.key === "Enter" && place < 0) event.preventDefault();
  if (!targets[event.key]) return;
  event.preventDefault();
  targets[event.key]?.focus();
});

// A chosen item closes its menu, also if it only copied something.
document.addEventListener("click", (event) => {
  const menu = /** @type {HTMLElement | null} */ (
    closest(event, '[role^="menuitem"]')?.closest(".menu:popover-open") ?? null
  );
  menu?.hidePopover();
});

// Tabs: one panel shows, arrows move. Without JavaScript all panels show.

/** @param {HTMLElement} tab */
const tabsBeside = (tab) => findAll(/** @type {HTMLElement} */ (tab.closest("[role=tablist]")), "[role=tab]");

/** @param {HTMLElement} tab */
function selectTab(tab) {
  for (const other of tabsBeside(tab)) {
    const isSelected = other === tab;
    other.setAttribute("aria-selected", String(isSelected));
    other.tabIndex = isSelected ? 0 : -1;
    const panel = byId(other.getAttribute("aria-controls") ?? "");
    if (panel) panel.hidden = !isSelected;
  }
}

/** @param {HTMLInputElement} tab @param {string} key */
function tabForKey(tab, key) {
  const tabs = tabsBeside(tab);
  if (key === "Home") return tabs[0];
  if (key === "End") return tabs.at(-1);
  const step = key === "ArrowRight" ? 1 : key === "ArrowLeft" ? -1 : 0;
  return step ? tabs[(tabs.indexOf(tab) + step + tabs.length) % tabs.length] : undefined;
}

document.addEventListener("click", (event) => {
  const tab = closest(event, "[role=tab]");
  if (tab) selectTab(tab);
});

document.addEventListener("keydown", (event) => {
  const tab = closest(event, "[role=tab]");
  const next = tab && tabForKey(tab, event.key);
  if (!next) return;
  event.preventDefault();
  next.click(); // also for a tab that another script renders
  next.focus();
});

document.addEventListener("dialog:opened", (event) => {
  for (const tab of findAll(targetOf(event), '[role=tab][aria-selected="true"]')) selectTab(tab);
});

// Copying and downloading.

const COPIED_MS = 2000;
const URL_LIFETIME_MS = 1000;

/** Whether the text is on the clipboard now; a toast says so. @param {string} text @param {string | undefined} message */
async function copy(text, message) {
  try {
    await navigator.clipboard.writeText(text);
    send(document, "toast", message);
    return true;
  } catch {
    send(document, "toast", { message: texts.copyFailed, level: "error" });
    return false;
  }
}

/** The button's own label says "Copied" for a moment. @param {HTMLElement} button */
function showCopied(button) {
  const label = find(button, "span");
  if (!label || label.dataset.restingText) return;
  label.dataset.restingText = label.textContent ?? "";
  label.textContent = texts.copiedShort ?? "";
  setTimeout(() => {
    label.textContent = label.dataset.restingText ?? "";
    delete label.dataset.restingText;
  }, COPIED_MS);
}

/** @param {string} name @param {string} text */
function download(name, text) {
  const url = URL.createObjectURL(new Blob([`${text}\n`], { type: "text/plain" }));
  Object.assign(document.createElement("a"), { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), URL_LIFETIME_MS);
}

/** @param {string | undefined} id */
const textOf = (id) => byId(id ?? "")?.textContent ?? "";

document.addEventListener("click", async (event) => {
  const button = closest(event, "[data-copy], [data-copy-from], [data-copy-panel], [data-download]");
  if (!button) return;
  const { copy: text, copyFrom, download: name, downloadFrom } = button.dataset;
  const tabs = button.closest("[data-tabs]");
  if (name) {
    download(name, textOf(downloadFrom));
  } else if (button.hasAttribute("data-copy-panel") && tabs) {
    await copy(find(tabs, "[role=tabpanel]:not([hidden])")?.textContent ?? "", texts.snippetCopied);
  } else if (await copy(text ?? textOf(copyFrom), texts.copied)) {
    showCopied(button);
  }
});

// The eye of a password field.

document.addEventListener("click", (event) => {
  const button = closest(event, "[data-show-password]");
  const field = button && byId(button.dataset.showPassword ?? "");
  if (!field) return;
  const isShown = field.type === "password";
  field.type = isShown ? "text" : "password";
  button.setAttribute("aria-pressed", String(isShown));
});
