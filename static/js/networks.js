/**
 * Allow-list rows inside a form. The tick wakes when the text looks like an address or a range; whether it is
 * one, the server decides. Sends "input" on the list's root after every change.
 */
const IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?!\/|$)|(?=\/|$))){4}(?:\/(?:3[0-2]|[12]?\d))?$/;
const IPV6 = /^(?=.*:)[0-9a-f:]{2,39}(?:(?:\d{1,3}\.){3}\d{1,3})?(?:\/(?:12[0-8]|1[01]\d|[1-9]?\d))?$/i;

const looksValid = (text) => IPV4.test(text) || IPV6.test(text);
const draftOf = (root) => root.querySelector("[data-network-draft]");

function wakeTick(root) {
  const draft = draftOf(root);
  const refused = draft.getAttribute("aria-invalid") === "true" && draft.value === draft.defaultValue;
  const ready = looksValid(draft.value.trim()) && !refused;
  root.querySelector("[data-network-add]").setAttribute("aria-disabled", String(!ready));
}

function add(root, network) {
  const known = [...root.querySelectorAll("input[type=hidden]")].some((input) => input.value === network);
  if (!looksValid(network) || known) return;
  const row = root.querySelector("template").content.cloneNode(true);
  row.querySelector("code").textContent = network;
  row.querySelector("input").value = network;
  const remove = row.querySelector("[data-network-remove]");
  remove.setAttribute("aria-label", remove.dataset.removeLabel.replace("{network}", network));
  root.querySelector("ul").append(row);
  const draft = draftOf(root);
  if (draft.value.trim() === network) draft.value = "";
  changed(root);
}

function changed(root) {
  wakeTick(root);
  draftOf(root).focus();
  root.dispatchEvent(new Event("input", { bubbles: true }));
}

document.addEventListener("dialog:opened", (event) => {
  for (const root of event.target.querySelectorAll("[data-networks]")) {
    wakeTick(root);
    // Both need this script, so both wait hidden for it.
    for (const button of root.querySelectorAll("[data-network-add], [data-network-mine]")) button.hidden = false;
  }
});

document.addEventListener("input", (event) => {
  if (event.target.matches("[data-network-draft]")) wakeTick(event.target.closest("[data-networks]"));
});

document.addEventListener("click", (event) => {
  const root = event.target.closest("[data-networks]");
  if (!root) return;
  const mine = event.target.closest("[data-network-mine]");
  const remove = event.target.closest("[data-network-remove]");
  if (mine) add(root, mine.dataset.networkMine);
  if (event.target.closest("[data-network-add]")) add(root, draftOf(root).value.trim());
  if (remove) {
    remove.closest("li").remove();
    changed(root);
  }
});

// Enter adds the row; it must not send the whole form.
document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !event.target.matches("[data-network-draft]")) return;
  event.preventDefault();
  add(event.target.closest("[data-networks]"), event.target.value.trim());
});
