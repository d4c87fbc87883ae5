"""What of a page does not fit the window."""

from playwright.sync_api import Page


def overflowing_elements(page: Page) -> list[str]:
    """Elements wider than the viewport, except in a box that scrolls or clips, and tables that their card clips."""
    elements: list[str] = page.evaluate("""() => {
      const root = document.documentElement;
      const wide = root.scrollWidth > root.clientWidth ? [`the page: ${root.scrollWidth}`] : [];
      const open = document.querySelector("dialog:modal");
      if (open && open.scrollWidth > open.clientWidth) wide.push(`the dialog: ${open.scrollWidth}`);
      const own = (element) => {
        for (let e = element; e && e !== document.body; e = e.parentElement)
          if (getComputedStyle(e).overflowX !== "visible" && !e.matches("dialog")) return true;
        return false;
      };
      for (const element of (open ?? document.body).querySelectorAll("*")) {
        const box = element.getBoundingClientRect();
        const unseen = ".visually-hidden, .visually-hidden *, .skip";
        if (box.width < 2 || !element.checkVisibility() || element.matches(unseen)) continue;
        if ((box.right > innerWidth + 1 || box.left < -1) && !own(element))
          wide.push(`${element.tagName}.${element.getAttribute("class")} ${box.left}–${box.right}`);
      }
      for (const table of document.querySelectorAll(".card table")) {
        const card = table.closest(".card").getBoundingClientRect();
        const scrolls = ["auto", "scroll"].includes(getComputedStyle(table.parentElement).overflowX);
        if (table.getBoundingClientRect().right > card.right + 1 && !scrolls && table.checkVisibility())
          wide.push(`a table in its card: ${table.getBoundingClientRect().right} of ${card.right}`);
      }
      return wide;
    }""")
    return elements
