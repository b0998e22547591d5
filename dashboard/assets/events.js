/* Clicks, keys and fields as events: an element with data-act inside one with
   data-genlab-events="STORE" posts {act, value, n} to that dcc.Store, Enter in a field inside
   data-enter="ACT" posts {act: ACT, value: its text}.  One callback per page then sees them all.
   Where the page says in data-genlab-done which n it answered, events wait for each other. */
window.genlabEvents = (() => {
  "use strict";
  const PATIENCE = 30_000;
  const waiting = [];
  let n = 0, flying = null;

  const setProps = (id, props) => window.dash_clientside?.set_props?.(id, props);
  const hostOf = (store) => document.querySelector(`[data-genlab-events="${store}"]`);

  function post(store, event) {
    const said = window.genlabPrepare?.[store] ? window.genlabPrepare[store](event) : event;
    if (!said) return;
    said.n = ++n;
    if (!hostOf(store)?.hasAttribute("data-genlab-done")) {
      setProps(store, { data: said });
      return;
    }
    waiting.push({ store, event: said });
    send();
  }

  function send() {
    if (flying && flying.host.isConnected) return;
    flying = null;
    const first = waiting.shift();
    const host = first && hostOf(first.store);
    if (!host) {
      waiting.length = 0; // the page was left
      return;
    }
    const timer = setTimeout(() => {
      const lost = waiting.length;
      flying = null;
      waiting.length = 0;
      const more = lost ? ` ${lost} later ones were not sent.` : "";
      setProps("problem", { children: `The last gesture was not answered: look whether it is in the history.${more}` });
    }, PATIENCE);
    flying = { host, n: first.event.n, timer };
    setProps(first.store, { data: first.event });
  }

  new MutationObserver((records) => {
    if (!flying || !records.some((r) => r.target === flying.host && r.target.dataset.genlabDone === String(flying.n))) return;
    clearTimeout(flying.timer);
    flying = null;
    setTimeout(send, 0); // what the answer selected is selected first
  }).observe(document, { subtree: true, attributes: true, attributeFilter: ["data-genlab-done"] });

  document.addEventListener("click", (event) => {
    const dismissed = event.target.closest?.("[data-dismiss-problem]");
    if (dismissed) setProps("problem", { children: [] });
    const node = event.target.closest?.("[data-act]");
    const store = node?.closest("[data-genlab-events]")?.dataset.genlabEvents;
    if (!store || node.disabled) return;
    if (node.dataset.confirm && !window.confirm(node.dataset.confirm)) return;
    post(store, { act: node.dataset.act, value: node.dataset.value ?? null });
  });

  document.addEventListener("keydown", (event) => {
    const act = event.key === "Enter" && event.target.closest?.("[data-enter]")?.dataset.enter;
    const store = act && event.target.closest("[data-genlab-events]")?.dataset.genlabEvents;
    if (!store || event.isComposing || event.repeat) return;
    post(store, { act, value: event.target.value, by: "key" });
    event.target.blur(); // keys are commands again
  });

  return { post, idle: () => !flying && !waiting.length };
})();
