/**
 * A text edited in place: Enter saves (the form's own submit), leaving the field saves when something changed,
 * Esc presses the form's [data-cancel].
 */
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || !event.target.matches("[data-inline]")) return;
  event.target.dataset.cancelled = "";
  event.target.form.querySelector("[data-cancel]").click();
});

document.addEventListener("focusout", (event) => {
  const field = event.target;
  if (!field.matches("[data-inline]") || "cancelled" in field.dataset) return;
  if (field.value !== field.defaultValue) field.form.requestSubmit();
});

document.addEventListener("htmx:afterSettle", (event) => {
  const field = event.target.querySelector?.("[data-inline]");
  field?.focus();
  field?.select();
});
