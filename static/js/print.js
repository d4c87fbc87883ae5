/** A page that is all there is prints itself: when [data-print] is pressed, or when it was opened for that. */
document.addEventListener("click", (event) => {
  const link = event.target.closest("[data-print]");
  if (!link) return;
  event.preventDefault();
  print();
});

if (document.querySelector("[data-print-now]")) addEventListener("load", () => print());
