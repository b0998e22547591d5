/* dcc.Slider takes no name: thumb and number are called what stands above them. */
(() => {
  "use strict";
  const NAMELESS = ".gl-slider :is([role=slider], input):not([aria-label])";

  new MutationObserver(() => {
    for (const node of document.querySelectorAll(NAMELESS)) {
      const said = node.closest(".gl-slider").querySelectorAll(".gl-between > *");
      node.setAttribute("aria-label", Array.from(said, (part) => part.textContent).join(", "));
    }
  }).observe(document, { subtree: true, childList: true });
})();
