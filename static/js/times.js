/** The absolute time of a <time>, in UTC and in the reader's zone, on hover and on focus. */
const GAP = 6;
const MARGIN = 8;
const words = document.getElementById("words").dataset;
const language = document.documentElement.lang === "en" ? "en-GB" : document.documentElement.lang || "en-GB";
const timeZone = document.documentElement.dataset.timeZone || undefined;
const local = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short", timeZone });

const tip = Object.assign(document.createElement("div"), { id: "time-tip", className: "tip", popover: "manual" });
tip.setAttribute("role", "tooltip");
tip.append(document.createElement("span"), document.createElement("span"));
document.body.append(tip);
let shown = null;

function show(time) {
  if (time === shown) return;
  hide();
  shown = time;
  // The browser's own tooltip would say the first half again.
  time.dataset.absolute ??= time.title;
  time.removeAttribute("title");
  tip.firstChild.textContent = time.dataset.absolute;
  tip.lastChild.textContent = words.localTime.replace("{time}", local.format(new Date(time.dateTime)));
  time.setAttribute("aria-describedby", tip.id);
  // Outside an open modal dialog the tip would not be announced.
  (time.closest("dialog") ?? document.body).append(tip);
  tip.showPopover();
  place(time.getBoundingClientRect());
}

function place(anchor) {
  const middle = anchor.left + anchor.width / 2 - tip.offsetWidth / 2;
  const above = anchor.top - tip.offsetHeight - GAP;
  tip.style.left = `${Math.max(MARGIN, Math.min(middle, innerWidth - tip.offsetWidth - MARGIN))}px`;
  tip.style.top = `${above > MARGIN ? above : anchor.bottom + GAP}px`;
}

function hide() {
  shown?.removeAttribute("aria-describedby");
  shown = null;
  if (tip.isConnected && tip.matches(":popover-open")) tip.hidePopover();
}

const timeOf = (event) => event.target.closest?.("time[datetime]");

for (const name of ["pointerover", "focusin"]) {
  document.addEventListener(name, (event) => (timeOf(event) ? show(timeOf(event)) : hide()));
}
document.addEventListener("focusout", hide);
document.addEventListener("scroll", hide, true);
document.addEventListener("keydown", (event) => event.key === "Escape" && hide());
