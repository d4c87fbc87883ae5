/**
 * The allow-list row editor, [data-allow-list]. The server decides what is valid: it wakes the tick, and says what
 * is wrong when Enter or the sleeping tick asks it. After a change the focus goes where the answer says [data-focus].
 */
const UNDO = 8000;

const inEditor = (element) => element.closest?.("[data-allow-list]");

// A sleeping button does nothing (see confirm.js); pressing this one is asking why.
document.addEventListener(
  "click",
  (event) => {
    const tick = event.target.closest("[data-tick]");
    if (tick?.getAttribute("aria-disabled") === "true") tick.form.requestSubmit();
  },
  true,
);

document.addEventListener("keydown", (event) => {
  const field = event.target;
  if (!inEditor(field)) return;
  if (event.key === "Enter" && field.matches("#network-new")) {
    event.preventDefault();
    field.form.requestSubmit();
  }
  if (event.key === "Escape") field.closest("form")?.querySelector("[data-cancel]")?.click();
});

document.addEventListener("htmx:afterSettle", (event) => {
  if (!inEditor(event.target)) return;
  const target = event.target.querySelector("[data-focus]");
  target?.focus();
  if (target?.value) target.select();
  forgetLater(event.target.querySelector("[data-undo]"));
});

/** Undo goes after a while, but not from under the hand that is about to press it. */
function forgetLater(row) {
  if (!row) return;
  setTimeout(() => (row.matches(":hover, :focus-within") ? forgetLater(row) : row.remove()), UNDO);
}
