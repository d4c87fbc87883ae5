/**
 * A text edited in place: Enter saves (the form's own submit), leaving the field saves when something changed,
 * Esc presses the form's [data-cancel].
 */
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || !event.target.matches("[data-inline]")) return;
  event.target.dataset.cancelled = "";
  event.target.form.querySelector("[data-cancel]").click();
});

// What Enter has sent is not sent again when the field goes with its page.
document.addEventListener("submit", (event) => {
  const field = event.target.querySelector("[data-inline]");
  if (field) field.dataset.sent = field.value;
});

document.addEventListener("focusout", (event) => {
  const field = event.target;
  if (!field.matches("[data-inline]") || "cancelled" in field.dataset) return;
  if (field.value !== field.defaultValue && field.value !== field.dataset.sent) field.form.requestSubmit();
});

document.addEventListener("htmx:afterSettle", () => {
  const field = document.querySelector("[data-inline]");
  if (field && document.activeElement !== field) {
    field.focus();
    field.select();
  }
  // Who pressed Enter or Esc goes on from where they began; who clicked elsewhere stays there.
  const done = document.querySelector("[data-inline-done]");
  if (done && document.activeElement === document.body) done.focus();
});
