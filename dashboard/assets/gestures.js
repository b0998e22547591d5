/* What keys and clicks mean on the Map.  Questions are walked here, so that the next one stands
   there at once while the answer to the last one is on its way; an answer carries what it is about,
   and holds only for what was shown. */
window.genlabDesk = (() => {
  "use strict";
  const FIELDS = { L: "map-new-label", M: "map-note" };
  const COMMANDS = {
    Backspace: ["clear"], 0: ["unsure"], u: ["undo"], U: ["redo"], n: ["next"], N: ["back"],
    j: ["walk", 1], k: ["walk", -1], C: ["component"], A: ["select-shown"],
  };
  const ANSWERS = ["label", "clear", "accept", "unsure", "note", "confirm", "keep", "component", "walk"];
  const ADVANCES = ["label", "accept", "unsure", "confirm", "keep"];
  const KEPT = 200; // questions remembered
  let selection = { ids: [], kind: "clear" }, shown = {}, pending = null;
  let queue = [], asked = [], at = -1, wanting = false;

  const map = () => window.genlabMap?.get();
  const walking = () => selection.ids.length === 1 && asked[at] === selection.ids[0];

  function show(id, kind) {
    const drawn = map();
    if (!drawn || drawn.indexOf(id) < 0) return false;
    drawn.selectIds([id], "replace", kind);
    drawn.focus(drawn.indexOf(id));
    return true;
  }

  /** Go to a question; remembered, so that it can be gone back to. */
  function ask(id) {
    if (!asked.includes(id)) asked = [...asked, id].slice(-KEPT);
    at = asked.indexOf(id);
    return show(id, "suggestion");
  }

  function next() {
    if (at >= 0 && at < asked.length - 1) return ask(asked[at + 1]);
    const fresh = queue.find((id) => !asked.includes(id));
    return fresh !== undefined && ask(fresh);
  }

  function meaning(key) {
    if (key === "Enter") return pending ? ["confirm"] : ["accept"];
    if (key === "Escape") return pending ? ["leave"] : [];
    if (key === "k" && pending) return ["keep"];
    if (COMMANDS[key]) return COMMANDS[key];
    const name = shown.keys?.[key];
    return name === undefined ? [] : ["label", name];
  }

  /** What is sent of an event, null for nothing. */
  function prepare(event) {
    const by = event.by ?? (event.key === undefined ? "click" : "key");
    if (FIELDS[event.key]) {
      document.getElementById(FIELDS[event.key])?.focus();
      return null;
    }
    let [act, value] = event.key === undefined ? [event.act, event.value] : meaning(event.key);
    if (!act || (act === "select" && (show(value, "click"), true)) || (act === "ask" && (ask(value), true))) return null;
    if (act === "back") {
      if (at > 0) ask(asked[at - 1]);
      return null;
    }
    if (act === "next" && next()) return null;
    const question = walking();
    // nobody answers what is not there to be read yet
    if (ADVANCES.includes(act) && question && shown.selection !== selection.n) return null;
    if (act === "accept") value = shown.selection === selection.n ? shown.suggested : null;
    const said = { act, value: value ?? null, by };
    if (ANSWERS.includes(act)) Object.assign(said, { on: selection, seen: shown.seq });
    if (act === "next" || (question && ADVANCES.includes(act))) {
      Object.assign(said, { walking: true, asked });
      wanting = act === "next" || !(act === "accept" && !value || next());
    }
    return said;
  }

  const same = (of) => of && of[0] === selection.ids.length && of[1] === selection.ids[0];

  function selected(now) {
    selection = now ?? { ids: [], kind: "clear" };
    wanting = false;
    if (selection.ids.length === 1 && asked.includes(selection.ids[0])) at = asked.indexOf(selection.ids[0]);
    if (selection.ids.length !== 1) map()?.hover(-1); // no mark of a question left behind
  }

  /** The store says later what was selected: it tells of a new page's, and what the move leaves open. */
  function stored(now) {
    if (!now?.n) selected(now);
    if (pending && !same(pending.of)) window.genlabEvents.post("map-event", { act: "leave", value: null });
  }

  function queued(now) {
    queue = now?.ids ?? [];
    if (now?.again) asked = asked.slice(-1); // every question was asked: from the start
    if (wanting) next(); // an answer on its way may bring nothing new yet: then the one after it
  }

  const none = () => window.dash_clientside.no_update;
  const know = {
    selection: (now) => (stored(now), none()),
    shown: (now) => ((shown = now ?? {}), none()),
    queue: (now) => (queued(now), none()),
    pending: (now) => ((pending = now ?? null), none()),
  };

  // the label under pointer or focus is the one previewed
  let timer = 0, aimed = null;
  const aim = (event) => {
    const node = event.target.closest?.("#map-labels [data-aim]") ?? null;
    if (node === aimed || !document.getElementById("map-labels")) return;
    aimed = node;
    clearTimeout(timer);
    const data = node && { act: node.dataset.act, value: node.dataset.value ?? null };
    timer = setTimeout(() => window.dash_clientside?.set_props?.("map-aim", { data }), 150);
  };
  document.addEventListener("mouseover", aim);
  document.addEventListener("focusin", aim);

  // from the map itself, and not through Dash: the next key is about it already
  document.addEventListener("genlab:selection", (event) => selected(event.detail));
  (window.genlabPrepare ??= {})["map-event"] = prepare;
  return { know, pending: () => pending !== null, ready: () => shown.selection === selection.n };
})();
