// @ts-check
/**
 * Removes the secret of a key that is pasted into a search, before anything is sent or comes into the URL.
 *
 * Reads: input[type=search] and [data-strip-secret], a field for a key ID.
 * Sends: the form of a search, with the parameter `pasted`; the server answers with the key
 * (keyadmin/web/common/pasted_keys.py) · "toast" for other fields.
 */
import { send, targetOf, texts } from "./dom.js";

const KEY_ID_AND_SECRET = /([a-z][a-z0-9]{1,11}_[0-9A-Za-z]{16})_[0-9A-Za-z]*/;
const COMPACT_KEY = /([a-z][a-z0-9]{1,11}_[0-9a-f]{8})[0-9a-f]{24}/;
const RUN = /(?<![0-9A-Za-z])(?:[0-9A-Za-z]{49}|[0-9A-Za-z]{43})(?![0-9A-Za-z])/;

/** Another spelling of the same text, without percent-encoding, blanks and slashes. @param {string} text */
function joined(text) {
  let plain = text.normalize("NFKC");
  try {
    for (let round = 0; round < 3; round += 1) plain = decodeURIComponent(plain);
  } catch {
    // a percent sign that encodes nothing
  }
  return plain.replace(/[\s/\\]+/g, "");
}

/** Whether a text of the length of a secret has all kinds of characters. @param {string} text */
const isSecret = (text) => RUN.test(text) && /[0-9]/.test(text) && /[A-Z]/.test(text) && /[a-z]/.test(text);

/** The text without its secret; undefined if it has none. @param {string} text */
function withoutSecret(text) {
  const plain = joined(text);
  const match = KEY_ID_AND_SECRET.exec(plain) ?? COMPACT_KEY.exec(plain);
  if (match) return match[1];
  return isSecret(plain) || isSecret(text) ? "" : undefined;
}

/** Before htmx, which listens on the field. @param {Event} event */
function strip(event) {
  const field = targetOf(event);
  if (!field.matches?.("input[type=search], [data-strip-secret]")) return;
  const rest = withoutSecret(field.value);
  if (rest === undefined) return;
  field.value = rest;
  event.stopImmediatePropagation();
  if (field.type !== "search" || !field.form) {
    send(document, "toast", texts.secretRemoved);
    return;
  }
  const mark = document.createElement("input");
  [mark.type, mark.name, mark.value] = ["hidden", "pasted", "1"];
  field.form.append(mark);
  field.form.requestSubmit();
}

for (const type of ["input", "change", "search"]) document.addEventListener(type, strip, { capture: true });
