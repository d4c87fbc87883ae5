/** A link that is a button [role=button] is pressed by Space as well, as a button is. */
document.addEventListener("keydown", (event) => {
  if (event.key !== " " || !event.target.matches?.("a[role=button]")) return;
  event.preventDefault();
  event.target.click();
});
