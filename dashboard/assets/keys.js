/* Keyboard for every page: single keys outside inputs go to the dcc.Store that
   the page names in data-genlab-keys (else "key-event") as {key, n}, letters small but for U (redo);
   "/" goes to the search field, "?" opens and closes the help, Escape closes it. */
(() => {
  "use strict";
  const store = () => document.querySelector("[data-genlab-keys]")?.dataset.genlabKeys ?? "key-event";
  const SHIFTED = "ACLMNU"; // commands; caps lock alone makes none

  const typing = (node) =>
    node?.isContentEditable || /^(TEXTAREA|SELECT)$/.test(node?.tagName ?? "") ||
    (node?.tagName === "INPUT" && !/^(button|checkbox|radio|range|submit)$/.test(node.type)) ||
    Boolean(node?.closest?.("[role=combobox], [role=slider], .dash-dropdown"));

  // Enter on a focused button or link must press it, and nothing else
  const pressable = (node) => Boolean(node?.closest?.("button, a[href], summary, [role=button]"));

  function toggleHelp(open) {
    const help = document.getElementById("help-overlay");
    if (!help) return false;
    const show = open ?? help.hidden;
    const was = !help.hidden;
    help.hidden = !show;
    if (show) help.querySelector("button, [tabindex]")?.focus();
    return was !== show;
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.repeat) return;
    const { key, target } = event;
    if (typing(target)) {
      if (key === "Escape") target.blur();
      return;
    }
    if (key === "?") {
      toggleHelp();
    } else if (key === "/") {
      const search = document.getElementById("map-search") ?? document.querySelector("[data-genlab-search]");
      if (!search) return;
      const field = search.matches("input") ? search : search.querySelector("input");
      field?.focus();
      field?.select();
      event.preventDefault();
    } else if (key === "Escape" && toggleHelp(false)) {
      return;
    } else if (key === "Escape" && !window.genlabDesk?.pending() && window.genlabMap?.get()?.selection().length) {
      window.genlabMap.get().select([], "replace", "clear");
    } else if (/^[a-z0-9]$/i.test(key) || ["Escape", "Backspace"].includes(key) || (key === "Enter" && !pressable(target))) {
      const command = SHIFTED.includes(key) && !event.getModifierState("CapsLock");
      const said = key.length > 1 || command ? key : key.toLowerCase();
      window.genlabEvents.post(store(), { key: said });
      if (command) event.preventDefault(); // the field it goes to does not get the letter
    }
  });

  document.addEventListener("click", (event) => {
    if (event.target.id === "help-overlay" || event.target.closest?.("[data-close-help]")) toggleHelp(false);
    if (event.target.closest?.("[data-open-help]")) toggleHelp(true);
  });
})();
