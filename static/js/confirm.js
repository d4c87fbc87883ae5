/** Type the name to confirm: the button [data-confirmed] wakes when [data-confirm] is typed exactly. */
function refresh(field) {
  const ready = field.value.trim() === field.dataset.confirm;
  field.form.querySelector("[data-confirmed]").setAttribute("aria-disabled", String(!ready));
}

document.addEventListener("input", (event) => {
  if (event.target.matches("[data-confirm]")) refresh(event.target);
});

document.addEventListener("dialog:opened", (event) => {
  for (const field of event.target.querySelectorAll("[data-confirm]")) refresh(field);
});

const isAsleep = (element) => element?.getAttribute("aria-disabled") === "true";

// A button that may not be pressed yet stays reachable, so pressing it must do nothing. A guard's Done is
// let through: its dialog says why it stays open.
document.addEventListener(
  "click",
  (event) => {
    const button = event.target.closest(".btn");
    if (!isAsleep(button) || button.hasAttribute("data-close")) return;
    event.preventDefault();
    event.stopPropagation();
  },
  true,
);

// Enter in the text field would press the form's button without a click on it.
document.addEventListener(
  "submit",
  (event) => {
    if (!isAsleep(event.target.querySelector("[data-confirmed]"))) return;
    event.preventDefault();
    event.stopPropagation();
  },
  true,
);
