// @ts-check
/**
 * The API docs: Swagger UI (static/vendor/swagger-ui) with elements of the product, and requests as the person.
 *
 * Reads: #api-docs, the place, with [data-document-url] and its texts · #authorise with [data-token-url], the CSRF
 *        token, its button, [data-status] with its texts and [data-sign-in]; missing if no request can be sent ·
 *        #send-request, a <template> with the question before a request that changes something, with [data-request]
 *        and [data-send].
 * Reads from an operation: x-codeSamples (keyadmin/api/samples.py) · x-read-only, a POST that changes nothing.
 *
 * The access token is in a variable of this module and nowhere else: not in Swagger UI's store, the page or storage.
 * It is sent to this origin only, and forgotten when it expires, is refused, or the page is left.
 */
import { byId, find, findAll, language, send } from "./dom.js";

const READS = ["get", "head", "options"];
const place = /** @type {HTMLElement} */ (byId("api-docs"));
const words = place.dataset;
const authorise = byId("authorise");

// The access token.

let token = "";
/** @type {ReturnType<typeof setTimeout> | undefined} */
let expiry;

/** @param {keyof DOMStringMap} name @param {Record<string, string>} [values] */
function say(name, values = {}) {
  const status = authorise && find(authorise, "[data-status]");
  if (!status) return "";
  status.textContent = (status.dataset[name] ?? "").replace(/{(\w+)}/g, (_match, value) => values[value] ?? "");
  return status.textContent;
}

function forget() {
  token = "";
  clearTimeout(expiry);
}

/** Asks the server for an access token. Throws an error with a message for the person. */
async function getToken() {
  forget();
  let response = await postForToken();
  const csrfToken = response?.headers.get("Keyadmin-CSRF-Token");
  if (csrfToken) {
    csrfField().value = csrfToken;
    response = await postForToken();
  }
  if (!response?.ok) throw new Error(reasonOf(response));
  const { access_token: issued, expires_in: seconds } = await response.json();
  token = issued;
  expiry = setTimeout(() => {
    forget();
    say("ended");
  }, seconds * 1000);
  const end = new Date(Date.now() + seconds * 1000);
  say("authorised", { time: end.toLocaleTimeString(language, { hour: "2-digit", minute: "2-digit" }) });
}

const csrfField = () =>
  /** @type {HTMLInputElement} */ (find(/** @type {HTMLElement} */ (authorise), "[name=csrfmiddlewaretoken]"));

/** The response; null without a connection. The header HX-Request asks for statuses instead of pages. */
async function postForToken() {
  const headers = { "X-CSRFToken": csrfField().value, "HX-Request": "true" };
  return fetch(authorise?.dataset.tokenUrl ?? "", { method: "POST", headers, redirect: "error" }).catch(() => null);
}

/** @param {Response | null} response */
function reasonOf(response) {
  const hasEnded = response?.headers.get("Keyadmin-Session") === "ended";
  const link = authorise && find(authorise, "[data-sign-in]");
  if (link) link.hidden = !hasEnded;
  if (hasEnded) return say("signedOut");
  if (response?.status === 429) return say("tooMany", { seconds: response.headers.get("Retry-After") ?? "60" });
  return say("failed");
}

const authoriseButton = authorise && find(authorise, "button");
if (authoriseButton) {
  authoriseButton.disabled = false;
  authoriseButton.addEventListener("click", () => getToken().catch(() => {})); // the status says why
}

// Nothing that a browser keeps contains the token, or a secret in a response.
window.addEventListener("pagehide", () => {
  forget();
  place.remove();
});
window.addEventListener("pageshow", (event) => event.persisted && location.reload());

// Requests.

/**
 * Sends a request of Swagger UI with the access token, and without cookies. A redirect is an error: it could lead to
 * another origin. @param {string} url @param {RequestInit & { headers?: Record<string, string> }} request
 */
async function sendAuthorised(url, { method, headers, body }) {
  if (new URL(url, location.href).origin !== location.origin) throw new Error(say("foreign"));
  if (!token) await getToken();
  const response = await fetch(url, {
    method,
    body,
    headers: { ...headers, Authorization: `Bearer ${token}` },
    cache: "no-store",
    credentials: "omit",
    redirect: "error",
    referrerPolicy: "no-referrer",
  });
  say("sent", { request: `${method} ${new URL(url, location.href).pathname}`, status: String(response.status) });
  if (response.status === 401) {
    forget();
    say("ended");
  }
  return response;
}

/** Swagger UI also requests the document itself, which needs no credential. @param {any} request */
function prepare(request) {
  if (!request.loadSpec) request.userFetch = sendAuthorised;
  return request;
}

/** Whether the person wants to send a request that changes something. @param {string} request */
function askToSend(request) {
  const template = /** @type {HTMLTemplateElement} */ (/** @type {unknown} */ (byId("send-request")));
  const slot = /** @type {HTMLElement} */ (byId("dialog-slot"));
  slot.replaceChildren(template.content.cloneNode(true));
  const dialog = /** @type {HTMLElement} */ (find(slot, "dialog"));
  /** @type {HTMLElement} */ (find(dialog, "[data-request]")).textContent = request;
  return /** @type {Promise<boolean>} */ (
    new Promise((resolve) => {
      let isWanted = false;
      find(dialog, "[data-send]")?.addEventListener("click", () => {
        isWanted = true;
        send(document, "dialog:close");
      });
      dialog.addEventListener("dialog:closed", () => resolve(isWanted));
      send(document, "dialog:open");
    })
  );
}

// Swagger UI's elements that are replaced. Its types are not published, so a system and properties are `any`.

/** @param {any} system */
function productElements({ React }) {
  const h = React.createElement;

  /** Information, operations and schemas, without a second <main> and without Swagger UI's own authorisation. */
  /** @param {any} props */
  function DocsLayout({ specSelectors, errSelectors, getComponent }) {
    if (specSelectors.loadingStatus() === "failed") return h("p", { role: "alert" }, words.notLoaded);
    if (specSelectors.loadingStatus() !== "success") return h("p", { role: "status" }, words.loading);
    const Markdown = getComponent("Markdown", true);
    const Errors = getComponent("errors", true);
    return h(
      "div",
      { className: "swagger-ui" },
      errSelectors.allErrors().size ? h(Errors) : null,
      h(Markdown, { source: specSelectors.info().get("description") }),
      h(getComponent("operations", true)),
      h(getComponent("Models", true)),
    );
  }

  /** All operations by tag. @param {any} props */
  function Operations({ specSelectors, layoutSelectors, layoutActions, getComponent }) {
    const OperationContainer = getComponent("OperationContainer", true);
    return specSelectors
      .taggedOperations()
      .map((/** @type {any} */ group, /** @type {string} */ tag) => {
        const isShown = layoutSelectors.isShown(["operations-tag", tag], true);
        const toggle = () => layoutActions.show(["operations-tag", tag], !isShown);
        const operations = group.get("operations").map((/** @type {any} */ op) => {
          const [path, method] = [op.get("path"), op.get("method")];
          const specPath = op.get("specPath");
          return h(OperationContainer, { key: `${path} ${method}`, specPath, op, path, method, tag });
        });
        return h(
          "section",
          { key: tag, className: "opblock-tag-section" },
          h("h2", null, h("button", { type: "button", "aria-expanded": isShown, onClick: toggle }, tag)),
          isShown ? operations.toArray() : null,
        );
      })
      .valueSeq()
      .toArray();
  }

  /** It is no link, because it is inside a button. @param {any} props */
  function OperationSummaryPath({ operationProps }) {
    return h("span", { className: "opblock-summary-path" }, ` ${operationProps.get("path")}`);
  }

  /** The samples of an operation as tabs (widgets.js). @param {any} props */
  function Samples({ samples, id }) {
    const tabs = samples.map((/** @type {any} */ sample, /** @type {number} */ index) =>
      h(
        "button",
        {
          key: index,
          type: "button",
          role: "tab",
          id: `${id}-tab-${index}`,
          "aria-controls": `${id}-panel-${index}`,
          "aria-selected": index === 0,
          tabIndex: index === 0 ? 0 : -1,
        },
        sample.get("label"),
      ),
    );
    const panels = samples.map((/** @type {any} */ sample, /** @type {number} */ index) =>
      h(
        "pre",
        {
          key: index,
          role: "tabpanel",
          id: `${id}-panel-${index}`,
          "aria-labelledby": `${id}-tab-${index}`,
          tabIndex: 0,
          hidden: index > 0,
          translate: "no",
        },
        sample.get("source"),
      ),
    );
    return h(
      "div",
      { className: "samples" },
      h("h4", { id: `${id}-title` }, words.samples),
      h(
        "div",
        { className: "snippets", "data-tabs": "" },
        h(
          "div",
          { className: "snippet-bar" },
          h("div", { role: "tablist", className: "tablist", "aria-labelledby": `${id}-title` }, tabs),
          h("button", { type: "button", className: "btn btn-sm btn-ghost push", "data-copy-panel": "" }, words.copyLabel),
        ),
        panels,
      ),
    );
  }

  /** An example or a response: it wraps, and can be copied if it is an answer. @param {any} props */
  function HighlightCode({ children, canCopy }) {
    const id = React.useId();
    const label = h("span", null, words.copyLabel);
    const properties = { type: "button", className: "btn btn-sm btn-ghost", "data-copy-from": id };
    return h(
      "div",
      { className: "code" },
      h("pre", { id, tabIndex: 0, translate: "no" }, children),
      canCopy ? h("button", properties, label) : null,
    );
  }

  /** Responses, after the samples of the operation. @param {any} Original */
  const responses = (Original) => (/** @type {any} */ props) => {
    const operation = props.specSelectors.specJson().getIn(["paths", props.path, props.method]);
    const samples = operation?.get("x-codeSamples");
    const id = operation?.get("operationId");
    return h(React.Fragment, null, samples ? h(Samples, { samples, id }) : null, h(Original, props));
  };

  /** The button that sends a request: it asks first, and keeps the focus meanwhile. @param {any} Original */
  const execute = (Original) =>
    class extends Original {
      constructor(/** @type {any} */ ...args) {
        super(...args);
        const self = /** @type {any} */ (this);
        const sendNow = self.handleValidationResultPass;
        self.handleValidationResultPass = async () => {
          const { method, path, operation, specSelectors } = self.props;
          const values = specSelectors.parameterValues([path, method]);
          const address = path.replace(/{(\w+)}/g, (/** @type {string} */ name, /** @type {string} */ key) =>
            values.get(`path.${key}`, name),
          );
          const isRead = READS.includes(method) || operation.get("x-read-only");
          if (isRead || (await askToSend(`${method.toUpperCase()} ${address}`))) sendNow();
        };
      }

      render() {
        const { disabled } = this.props;
        const onClick = disabled ? undefined : this.onClick;
        return h(
          "button",
          { type: "button", className: "btn btn-primary execute", "aria-disabled": Boolean(disabled), onClick },
          "Execute",
        );
      }
    };

  const Nothing = () => null;
  return {
    components: {
      DocsLayout,
      operations: Operations,
      OperationSummaryPath,
      HighlightCode,
      // Swagger UI's authorisation would keep the token in its store, and cURL would show it.
      authorizeOperationBtn: Nothing,
      curl: Nothing,
      CopyToClipboardBtn: Nothing,
      operationLink: Nothing,
    },
    wrapComponents: { execute, responses },
  };
}

// What the elements that are kept lack: fields have a name, and the table of possible responses is an ordinary table.

/** @param {HTMLElement} element @param {string} name @param {string} value */
function setOnce(element, name, value) {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

function completeElements() {
  for (const row of findAll(place, "tr[data-param-name]")) {
    const name = row.dataset.paramName ?? "";
    for (const field of findAll(row, "input, select, textarea")) setOnce(field, "aria-label", name);
  }
  for (const field of findAll(place, ".body-param__text")) setOnce(field, "aria-label", words.requestBody ?? "");
  for (const table of findAll(place, "table[role=region]")) {
    table.removeAttribute("role");
    table.removeAttribute("aria-live");
  }
}

new MutationObserver(completeElements).observe(place, { childList: true, subtree: true });

/** @type {any} */ (globalThis).SwaggerUIBundle({
  domNode: place,
  url: words.documentUrl,
  layout: "DocsLayout",
  plugins: [productElements],
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  requestInterceptor: prepare,
  showMutatedRequest: false,
  ...(authorise ? {} : { supportedSubmitMethods: [] }),
  syntaxHighlight: { activated: false },
  validatorUrl: null,
});
