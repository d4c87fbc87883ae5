// @ts-check
/**
 * Messages to the person: toasts, failed requests, an ended session, and the links of an error summary.
 *
 * Hears "toast" (from HX-Trigger or another script): a string, or { message, level: "error", retry: function }.
 * Errors stay until they are dismissed.
 * Reads from a failed response: "Keyadmin-Session: ended", and "Keyadmin-CSRF-Token", the token of the present session.
 * Reads: #sign-in-again, a <template> with a dialog: [data-sign-in-form] is the place of the form, [data-sign-in-url] the
 * page that has it. The page leads to [data-resume-url], whose JSON names the person and the new token ·
 * <html data-person>, who opened the page. If another person signs in, the page is loaded again.
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
  placeToasts();
  if (!isError) removeLater(toast);
}

const TOAST_GAP_PX = 12;

/** At the foot of the window, or above the foot of an open dialog if they would cover it. */
function placeToasts() {
  toasts.style.insetBlockEnd = "";
  const foot = toasts.closest("dialog")?.querySelector(".dialog-foot")?.getBoundingClientRect();
  const { top, bottom } = toasts.getBoundingClientRect();
  if (!foot || bottom === top || top > foot.bottom || bottom < foot.top) return;
  toasts.style.insetBlockEnd = `${innerHeight - foot.top + TOAST_GAP_PX}px`;
}

// The foot moves when the dialog grows or the window changes.
const moved = new ResizeObserver(placeToasts);
addEventListener("resize", placeToasts);

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
document.addEventListener("dialog:opened", (event) => {
  targetOf(event).append(toasts);
  moved.observe(targetOf(event));
  for (const foot of findAll(targetOf(event), ".dialog-foot")) moved.observe(foot);
  placeToasts();
});
document.addEventListener("dialog:closed", () => {
  moved.disconnect();
  document.body.append(toasts);
  placeToasts();
});
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
function sendAgain({ elt, requestConfig }) {
  if (elt.matches("form")) return elt.requestSubmit(requestConfig.triggeringEvent?.submitter ?? undefined);
  // The request's own events report whether it worked this time.
  return /** @type {any} */ (globalThis).htmx
    .ajax(requestConfig.verb, requestConfig.path, { source: elt })
    .catch(() => {});
}

/** @param {any} detail */
function reportFailure(detail) {
  if (detail.elt.matches("[data-poll]")) return; // the next repetition reports
  if (detail.xhr.getResponseHeader("Keyadmin-Session")) return; // it waits for the sign-in
  if (detail.xhr.getResponseHeader("Keyadmin-CSRF-Token")) return; // it is sent again
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

// An ended session and a replaced CSRF token. What was typed stays, and the request is sent again.

/** Elements whose request was sent again; a second failure is reported as any other. @type {WeakSet<Element>} */
const sentAgain = new WeakSet();
/** The failed requests that wait for the sign-in. @type {any[]} */
let waiting = [];

/** @param {string} token */
function replaceToken(token) {
  for (const field of findAll(document, "input[name=csrfmiddlewaretoken]")) field.value = token;
}

/** @param {any} detail */
function resend(detail) {
  sentAgain.add(detail.elt);
  if (detail.elt.isConnected) sendAgain(detail);
}

onDetail("htmx:afterRequest", ({ elt, successful }) => successful && sentAgain.delete(elt));

onDetail("htmx:responseError", (detail) => {
  const token = detail.xhr.getResponseHeader("Keyadmin-CSRF-Token");
  if (token) replaceToken(token);
  if (token && !sentAgain.has(detail.elt)) resend(detail);
  if (detail.xhr.getResponseHeader("Keyadmin-Session") === "ended") askToSignIn(detail);
});

/** @param {any} detail */
async function askToSignIn(detail) {
  waiting.push(detail);
  if (byId("sign-in-dialog")) return;
  const template = /** @type {HTMLTemplateElement} */ (/** @type {unknown} */ (byId("sign-in-again")));
  const opener = /** @type {HTMLElement | null} */ (document.activeElement);
  document.body.append(template.content.cloneNode(true));
  const dialog = /** @type {HTMLDialogElement} */ (/** @type {unknown} */ (byId("sign-in-dialog")));
  dialog.showModal();
  dialog.addEventListener("close", () => {
    dialog.remove();
    waiting = [];
    opener?.focus();
  });
  dialog.addEventListener("click", (event) => {
    if (targetOf(event).closest("[data-sign-in-close]")) dialog.close();
  });
  dialog.addEventListener("submit", (event) => {
    event.preventDefault();
    const form = /** @type {HTMLFormElement} */ (/** @type {unknown} */ (targetOf(event)));
    // The form of a page without JavaScript posts to the page's own address.
    show(dialog, form.getAttribute("action") || dialog.dataset.url || "", new FormData(form));
  });
  await show(dialog, `${dialog.dataset.signInUrl}?next=${encodeURIComponent(dialog.dataset.resumeUrl ?? "")}`);
}

/**
 * Shows the form of the page at the URL, or goes on if the page is the one that follows the sign-in.
 * @param {HTMLDialogElement} dialog @param {string} url @param {FormData} [data]
 */
async function show(dialog, url, data) {
  let response;
  try {
    response = await fetch(url, { method: data ? "POST" : "GET", body: data });
  } catch {
    return showProblem(dialog, dialog.dataset.offline ?? "");
  }
  if (new URL(response.url).pathname === dialog.dataset.resumeUrl) return goOn(dialog, await response.json());
  dialog.dataset.url = response.url;
  showForm(dialog, new DOMParser().parseFromString(await response.text(), "text/html"));
}

/** Shows the form of a page, or its words if it has no form. @param {HTMLDialogElement} dialog @param {Document} page */
function showForm(dialog, page) {
  const place = find(dialog, "[data-sign-in-form]");
  const form = page.querySelector(".auth-card form");
  const words = page.querySelector(".auth-card .lede")?.textContent?.trim();
  if (!form) return showProblem(dialog, words ?? dialog.dataset.offline ?? "");
  showProblem(dialog, "");
  const problems = [...page.querySelectorAll(".auth-card [role=alert]")].filter((problem) => !form.contains(problem));
  place?.replaceChildren(...problems, form);
  const fields = findAll(dialog, "[data-sign-in-form] input:not([type=hidden], [type=checkbox])");
  const target = find(dialog, "[aria-invalid=true]") ?? fields.find((field) => !field.value) ?? fields[0];
  target?.focus();
}

/** @param {HTMLDialogElement} dialog @param {string} text */
function showProblem(dialog, text) {
  const problem = find(dialog, "[data-sign-in-problem]");
  if (problem) problem.textContent = text;
}

/** @param {HTMLDialogElement} dialog @param {{ person: string, token: string }} session */
function goOn(dialog, { person, token }) {
  if (person !== document.documentElement.dataset.person) return location.reload();
  replaceToken(token);
  const requests = waiting;
  dialog.close();
  for (const detail of requests) resend(detail);
}

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
