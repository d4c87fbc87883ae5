/** Tabs: one panel shows, arrows move. Without JavaScript all panels show. */
const tabsOf = (list) => [...list.querySelectorAll("[role=tab]")];

function select(tab) {
  for (const other of tabsOf(tab.closest("[role=tablist]"))) {
    const selected = other === tab;
    other.setAttribute("aria-selected", String(selected));
    other.tabIndex = selected ? 0 : -1;
    document.getElementById(other.getAttribute("aria-controls")).hidden = !selected;
  }
}

function neighbour(tab, key) {
  const tabs = tabsOf(tab.closest("[role=tablist]"));
  const step = { ArrowRight: 1, ArrowLeft: -1 }[key];
  if (step) return tabs[(tabs.indexOf(tab) + step + tabs.length) % tabs.length];
  return { Home: tabs[0], End: tabs.at(-1) }[key];
}

document.addEventListener("click", (event) => {
  const tab = event.target.closest("[role=tab]");
  if (tab) select(tab);
});

document.addEventListener("keydown", (event) => {
  const tab = event.target.closest?.("[role=tab]");
  const next = tab && neighbour(tab, event.key);
  if (!next) return;
  event.preventDefault();
  select(next);
  next.focus();
});

document.addEventListener("dialog:opened", (event) => {
  for (const tab of event.target.querySelectorAll('[role=tab][aria-selected="true"]')) select(tab);
});
