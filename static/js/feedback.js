// @ts-check
/**
 * Messages to the person: toasts, failed requests, and the links of an error summary.
 *
 * Hears "toast" (from HX-Trigger or another script): a string, or { message, level: "error", retry: function }.
 * Errors stay until they are dismissed.
 */
import { byId, closest, find, findAll, onDetail, send, targetOf, texts } from "./dom.js";

const TOAST_MS = 5000;
const toasts = /** @type {HTMLElement} */ (byId("toasts"));

/** @param {{ message: string, level?: string, retry?: () => unknown }} toast */
function showToast({ message, level, retry }) {
  const isError = level === "error";
  const template = /** @type {unknown} */ (byId(isError ? "toast-error-template" : "toast-template"));
  const content = /** @type {HTMLTemplateElement} */ (template).content;
  const toast = /** @type {HTMLElement} */ (content.firstElementChild?.cloneNode(true));
  /** @type {HTMLElement} */ (find(toast, "span")).textContent = message;
  const retryButton = find(toast, "[data-retry]");
  if (retry && retryButton) {
    retryButton.hidden = false;
    retryButton.addEventListener("click", () => {
      toast.remove();
      retry();
    });
  }
  if (isError) removeToastsThatSay(message);
  toasts.append(toast);
  if (!isError) removeLater(toast);
}

/** The same error is shown once. @param {string} message */
function removeToastsThatSay(message) {
  for (const toast of findAll(toasts, ".toast")) {
    if (find(toast, "span")?.textContent === message) toast.remove();
  }
}

/** @param {HTMLElement} toast */
function removeLater(toast) {
  setTimeout(() => toast.remove(), TOAST_MS);
}

onDetail("toast", (detail) => showToast(detail?.message ? detail : { message: detail?.value ?? detail }));

document.addEventListener("click", (event) => closest(event, "[data-dismiss]")?.closest(".toast")?.remove());

// Everything outside an open modal dialog is inert and silent, so the live region moves into the dialog.
document.addEventListener("dialog:opened", (event) => targetOf(event).append(toasts));
document.addEventListener("dialog:closed", () => document.body.append(toasts));
onDetail("htmx:beforeSwap", ({ shouldSwap, target }) => {
  if (shouldSwap && target.contains(toasts)) document.body.append(toasts);
});

for (const toast of findAll(toasts, ".toast:not(.is-error)")) removeLater(toast);

// Failed requests.

/** @param {{ xhr: XMLHttpRequest, requestConfig: { verb: string } }} detail @returns {string} */
function messageFor({ xhr, requestConfig }) {
  /** @type {Record<number, string | undefined>} */
  const byStatus = {
    403: texts.forbidden,
    404: texts.missing,
    409: texts.conflict,
    429: texts.tooMany?.replace("{seconds}", xhr.getResponseHeader("Retry-After") ?? "60"),
  };
  return byStatus[xhr.status] ?? (requestConfig.verb === "get" ? texts.notLoaded : texts.notSaved) ?? "";
}

/**
 * Sends the same request again. A form is submitted with the same button; any other element requests its URL with its
 * present value, since a repeated event would be ignored by a field that waits for a change.
 * @param {any} detail
 */
export function sendAgain({ elt, requestConfig }) {
  if (elt.matches("form")) return elt.requestSubmit(requestConfig.triggeringEvent?.submitter ?? undefined);
  // The request's own events report whether it worked this time.
  return /** @type {any} */ (globalThis).htmx
    .ajax(requestConfig.verb, requestConfig.path, { source: elt })
    .catch(() => {});
}

/** @param {any} detail */
function reportFailure(detail) {
  if (detail.elt.matches("[data-poll]")) return; // the next repetition reports
  if (detail.xhr.getResponseHeader("Keyadmin-Session")) return; // session.js asks to sign in
  if (detail.xhr.getResponseHeader("Keyadmin-CSRF-Token")) return; // session.js sends it again
  if (detail.xhr.getResponseHeader("HX-Trigger")?.includes('"toast"')) return; // the server sent its own message
  const mayRetry = detail.xhr.status === 0 || detail.xhr.status >= 500;
  const retry = mayRetry ? () => sendAgain(detail) : undefined;
  send(document, "toast", { message: messageFor(detail), level: "error", retry });
}

// When the session has ended, a request that repeats does not lead away from the page and from what was typed.
onDetail("htmx:beforeOnLoad", ({ elt, xhr }, event) => {
  if (elt.matches("[data-poll]") && xhr.getResponseHeader("HX-Redirect")) event.preventDefault();
});

onDetail("htmx:responseError", reportFailure);
onDetail("htmx:sendError", reportFailure);
onDetail("htmx:timeout", reportFailure);

// Inside a modal dialog a fragment link would scroll the page behind it, so it focuses its field instead.
document.addEventListener("click", (event) => {
  const link = closest(event, '.error-summary a[href^="#"]');
  if (!link) return;
  const field = byId(/** @type {any} */ (link).hash.slice(1));
  if (!field) return;
  event.preventDefault();
  field.focus();
  field.scrollIntoView({ block: "center" });
});
