/**
 * Popover menus: placed beside their button, walked with arrows, Home, End and first letters.
 * Opening, closing and Esc are the browser's own (popovertarget).
 */
const GAP = 4;
const MARGIN = 8;
const TYPING_PAUSE = 500;
let typed = "";
let typedAt = 0;

const buttonOf = (menu) => document.querySelector(`[popovertarget="${menu.id}"]`);
const itemsOf = (menu) => [...menu.querySelectorAll('[role^="menuitem"]')];

/** Below the button, or above it when there is no room; never off the screen. */
function place(menu, button) {
  const anchor = button.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = menu;
  const left = Math.max(MARGIN, Math.min(anchor.right - width, innerWidth - width - MARGIN));
  const below = anchor.bottom + GAP;
  const fits = below + height <= innerHeight;
  menu.style.left = `${left}px`;
  menu.style.top = `${fits ? below : Math.max(MARGIN, anchor.top - height - GAP)}px`;
}

/** The item that starts with the letters typed in one go; one letter alone moves on to the next match. */
function findByLetters(items, current, key) {
  const now = Date.now();
  typed = now - typedAt > TYPING_PAUSE ? key : typed + key;
  typedAt = now;
  const start = typed.length === 1 ? current + 1 : Math.max(0, current);
  const inOrder = [...items.slice(start), ...items.slice(0, start)];
  return inOrder.find((item) => item.textContent.trim().toLowerCase().startsWith(typed.toLowerCase()));
}

/** The item that a key leads to; from the button, which is before the first, as well. */
function target(menu, event) {
  const items = itemsOf(menu);
  const current = items.indexOf(document.activeElement);
  switch (event.key) {
    case "ArrowDown":
      return items[(current + 1) % items.length];
    case "ArrowUp":
      return items.at(current < 0 ? -1 : current - 1);
    case "Home":
      return items[0];
    case "End":
      return items.at(-1);
    default: {
      const letter = event.key.length === 1 && event.key !== " " && !event.ctrlKey && !event.metaKey;
      return letter ? findByLetters(items, current, event.key) : undefined;
    }
  }
}

document.addEventListener(
  "toggle",
  (event) => {
    const menu = event.target;
    if (!menu.matches?.(".menu")) return;
    const button = buttonOf(menu);
    const opened = event.newState === "open";
    button.setAttribute("aria-expanded", String(opened));
    if (!opened) return;
    place(menu, button);
    if (menu.contains(document.activeElement)) return;
    (itemsOf(menu)[0] ?? menu.querySelector("input:not([type=hidden]), select"))?.focus();
  },
  true,
);

/** The menu that a key is meant for: also when the focus has not moved into it yet. */
function menuFor(element) {
  const inside = element.closest?.('.menu[role="menu"]');
  const button = element.closest?.("[aria-haspopup=menu]");
  return inside ?? (button && document.getElementById(button.getAttribute("popovertarget")));
}

document.addEventListener("keydown", (event) => {
  const menu = menuFor(event.target);
  if (!menu) return;
  if (!menu.matches(":popover-open")) {
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
    event.preventDefault();
    menu.showPopover({ source: event.target.closest("button") });
    if (event.key === "ArrowUp") itemsOf(menu).at(-1)?.focus();
    return;
  }
  if (event.key === "Escape") typed = "";
  if (event.key === "Tab") return menu.hidePopover();
  const item = target(menu, event);
  if (!item) return;
  event.preventDefault();
  item.focus();
});

// What a menu item does is done: the menu goes, also when the item only copied something.
document.addEventListener("click", (event) => {
  event.target.closest?.('[role^="menuitem"]')?.closest(".menu:popover-open")?.hidePopover();
});
