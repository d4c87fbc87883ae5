/**
 * The secret, shown once. Done, Esc and the backdrop stay shut until the box is ticked, and say why; leaving
 * warns; on leaving the secret is wiped from the page, so that nothing a browser keeps contains it.
 */
const pending = () => document.querySelector("dialog[data-guard]:modal:not([data-released])");

document.addEventListener("dialog:opened", (event) => {
  if (event.target.hasAttribute("data-guard")) release(event.target, false);
});

document.addEventListener("change", (event) => {
  if (event.target.matches("[data-stored]")) release(event.target.closest("dialog"), event.target.checked);
});

/** Lets the dialog close, or holds it. */
function release(dialog, released) {
  dialog.toggleAttribute("data-released", released);
  dialog.querySelector("[data-done]").setAttribute("aria-disabled", String(!released));
  if (released) dialog.querySelector(".nudge").hidden = true;
}

document.addEventListener("dialog:refused", (event) => {
  event.target.querySelector(".nudge").hidden = false;
  event.target.querySelector("[data-stored]").focus();
});

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-mask]");
  if (button) button.setAttribute("aria-pressed", String(button.closest("dialog").classList.toggle("masked")));
});

window.addEventListener("beforeunload", (event) => {
  if (pending()) event.preventDefault();
});

window.addEventListener("pagehide", () => {
  for (const place of document.querySelectorAll("[data-secret]")) place.textContent = "";
});

// Should the browser bring the emptied page back from its cache, the server says what there is now.
window.addEventListener("pageshow", (event) => {
  if (event.persisted && document.querySelector("[data-secret]")) location.reload();
});
