/* Clicks as events: an element with data-act inside one with data-genlab-events="STORE" posts
   {act, value, n} to that dcc.Store.  One callback per page then sees clicks and keys alike. */
(() => {
  "use strict";
  let n = 0;
  const post = (node, store) =>
    window.dash_clientside?.set_props?.(store, { data: { act: node.dataset.act, value: node.dataset.value ?? null, n: ++n } });

  document.addEventListener("click", (event) => {
    const dismissed = event.target.closest?.("[data-dismiss-problem]");
    if (dismissed) window.dash_clientside?.set_props?.("problem", { children: [] });
    const node = event.target.closest?.("[data-act]");
    const store = node?.closest("[data-genlab-events]")?.dataset.genlabEvents;
    if (!store || node.disabled) return;
    if (node.dataset.confirm && !window.confirm(node.dataset.confirm)) return;
    post(node, store);
  });
})();
