// @ts-check
/**
 * Typed shorthands that the other modules share. Importing this module has no effect.
 *
 * Elements are typed as inputs, because that type has every property that the modules read or set
 * (`value`, `checked`, `form`, `hidden`, `dataset`, …).
 */

/** @param {ParentNode} root @param {string} selector @returns {HTMLInputElement | null} */
export const find = (root, selector) => root.querySelector(selector);

/** @param {ParentNode} root @param {string} selector @returns {HTMLInputElement[]} */
export const findAll = (root, selector) => [...root.querySelectorAll(/** @type {"input"} */ (selector))];

/** The element with this id. @param {string} id @returns {HTMLInputElement | null} */
export const byId = (id) => /** @type {HTMLInputElement | null} */ (document.getElementById(id));

/** The element that an event is about. @param {Event} event @returns {HTMLInputElement} */
export const targetOf = (event) => /** @type {HTMLInputElement} */ (event.target);

/** The nearest ancestor of an event's target that matches; the target may be the document. @param {Event} event @param {string} selector @returns {HTMLInputElement | null} */
export const closest = (event, selector) => targetOf(event).closest?.(selector) ?? null;

/** Calls the handler with the event's details; for events of htmx. @param {string} name @param {(detail: any, event: Event) => void} handler */
export const onDetail = (name, handler) =>
  document.addEventListener(name, (event) => handler(/** @type {CustomEvent} */ (event).detail, event));

/** Sends an event that bubbles; false if a listener prevented it. @param {EventTarget} target @param {string} name @param {unknown} [detail] */
export const send = (target, name, detail) =>
  target.dispatchEvent(new CustomEvent(name, { bubbles: true, cancelable: true, detail }));

/** The text in NFC, with single blanks: as keyadmin/core/text.py. @param {string} text */
export const normalise = (text) => text.normalize("NFC").replace(/[\t\p{Zs}]+/gu, " ").trim();

/** Translated texts that the page brings for scripts (templates/_toasts.html). @type {DOMStringMap} */
export const texts = byId("script-texts")?.dataset ?? {};

/** The page's language as Intl wants it. */
export const language = document.documentElement.lang === "en" ? "en-GB" : document.documentElement.lang || "en-GB";
