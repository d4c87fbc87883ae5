/** Requests that failed, and the links of an error summary. The words come from <template id="words">. */
const words = document.getElementById("words").dataset;

function message({ xhr, requestConfig }) {
  if (xhr.status === 403) return words.forbidden;
  if (xhr.status === 404) return words.missing;
  if (xhr.status === 409) return words.conflict;
  if (xhr.status === 429) return words.tooMany.replace("{seconds}", xhr.getResponseHeader("Retry-After") ?? "60");
  return requestConfig.verb === "get" ? words.notLoaded : words.notSaved;
}

/**
 * The same request again: the form is sent with the same button. Anything else asks by itself, with what is in the
 * field by now: the event that caused it would say nothing new to a field that waits for a change.
 */
function again({ elt, requestConfig }) {
  if (elt.matches("form")) return elt.requestSubmit(requestConfig.triggeringEvent?.submitter ?? undefined);
  // Whether it worked this time, its events say.
  return htmx.ajax(requestConfig.verb, requestConfig.path, { source: elt }).catch(() => {});
}

function report(event) {
  const { detail } = event;
  if (detail.elt.matches("[data-poll]")) return; // the next one will tell
  const saidByServer = detail.xhr.getResponseHeader("HX-Trigger")?.includes('"toast"');
  if (saidByServer) return;
  const mayRetry = detail.xhr.status === 0 || detail.xhr.status >= 500;
  const retry = mayRetry ? () => again(detail) : undefined;
  document.dispatchEvent(new CustomEvent("toast", { detail: { message: message(detail), level: "error", retry } }));
}

document.addEventListener("htmx:responseError", report);
document.addEventListener("htmx:sendError", report);
document.addEventListener("htmx:timeout", report);

// A fragment link inside a modal dialog would move the page behind it; the field is what is meant.
document.addEventListener("click", (event) => {
  const link = event.target.closest('.error-summary a[href^="#"]');
  if (!link) return;
  const id = link.hash.slice(1);
  const field = document.getElementById(id);
  if (!field) return;
  event.preventDefault();
  field.focus();
  field.scrollIntoView({ block: "center" });
});
