/**
 * Short messages. Hears "toast" (from HX-Trigger or another script) with a string or
 * { message, level: "error", retry: function }. Errors stay until somebody dismisses them.
 */
const STAY = 5000;
const toasts = document.getElementById("toasts");

function show({ message, level, retry }) {
  const isError = level === "error";
  const template = document.getElementById(isError ? "toast-error-template" : "toast-template");
  const toast = template.content.firstElementChild.cloneNode(true);
  toast.querySelector("span").textContent = message;
  const again = toast.querySelector("[data-retry]");
  if (retry && again) {
    again.hidden = false;
    again.addEventListener("click", () => {
      toast.remove();
      retry();
    });
  }
  if (isError) forgetSame(message);
  toasts.append(toast);
  if (!isError) leaveLater(toast);
}

/** An error that comes again is not stacked. */
function forgetSame(message) {
  for (const toast of toasts.querySelectorAll(".toast")) {
    if (toast.querySelector("span").textContent === message) toast.remove();
  }
}

function leaveLater(toast) {
  setTimeout(() => toast.remove(), STAY);
}

document.addEventListener("toast", (event) => {
  const detail = event.detail?.message ? event.detail : { message: event.detail?.value ?? event.detail };
  show(detail);
});

document.addEventListener("click", (event) => {
  event.target.closest("[data-dismiss]")?.closest(".toast").remove();
});

// Outside an open modal dialog everything is inert and silent, so the live region moves into it.
document.addEventListener("dialog:opened", (event) => event.target.append(toasts));
document.addEventListener("dialog:closed", () => document.body.append(toasts));
document.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.shouldSwap && event.detail.target.contains(toasts)) document.body.append(toasts);
});

for (const toast of toasts.querySelectorAll(".toast:not(.is-error)")) leaveLater(toast);
