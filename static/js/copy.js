/**
 * Copying and downloading. [data-copy] carries the text itself, [data-copy-from] the id of the element that
 * shows it (so that a secret stands in one place only), [data-copy-panel] copies the open snippet.
 */
const words = document.getElementById("words").dataset;
const toast = (detail) => document.dispatchEvent(new CustomEvent("toast", { detail }));

async function copy(text, said) {
  try {
    await navigator.clipboard.writeText(text);
    toast(said);
    return true;
  } catch {
    toast({ message: words.copyFailed, level: "error" });
    return false;
  }
}

/** The button itself says "Copied" for a moment. */
function confirmOn(button) {
  const label = button.querySelector("span");
  if (!label || label.dataset.resting) return;
  label.dataset.resting = label.textContent;
  label.textContent = words.copiedShort;
  setTimeout(() => {
    label.textContent = label.dataset.resting;
    delete label.dataset.resting;
  }, 2000);
}

function download(name, text) {
  const url = URL.createObjectURL(new Blob([`${text}\n`], { type: "text/plain" }));
  Object.assign(document.createElement("a"), { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}

const textOf = (id) => document.getElementById(id).textContent;

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy], [data-copy-from], [data-copy-panel], [data-download]");
  if (!button) return;
  const { copy: text, copyFrom, download: name, downloadFrom } = button.dataset;
  if (name) {
    download(name, textOf(downloadFrom));
  } else if (button.hasAttribute("data-copy-panel")) {
    const panel = button.closest("[data-tabs]").querySelector("[role=tabpanel]:not([hidden])");
    await copy(panel.textContent, words.snippetCopied);
  } else if (await copy(text ?? textOf(copyFrom), words.copied)) {
    confirmOn(button);
  }
});
