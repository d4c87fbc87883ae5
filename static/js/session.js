// @ts-check
/**
 * An ended session and a replaced CSRF token. What was typed stays, and the request is sent again.
 *
 * Reads from a failed response: "Keyadmin-Session: ended", and "Keyadmin-CSRF-Token", the token of the present session.
 * Uses: #sign-in-again, a <template> with a dialog: [data-sign-in-form] is the place of the form, [data-sign-in-url] the
 * page that has it. The page leads to [data-resume-url], whose JSON names the person and the new token.
 * Reads: <html data-person>, who opened the page. If another person signs in, the page is loaded again.
 */
import { byId, find, findAll, onDetail, targetOf } from "./dom.js";
import { sendAgain } from "./feedback.js";

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
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
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
