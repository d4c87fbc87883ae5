/** Requests that nobody asked for, [data-poll]: none while nobody looks. (errors.js says nothing of those that fail.) */
document.addEventListener("htmx:beforeRequest", (event) => {
  if (event.detail.elt.matches("[data-poll]") && document.hidden) event.preventDefault();
});
