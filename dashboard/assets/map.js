/* genlabMap: the public face of the map, and its bridge to Dash.  Contract: README.md here. */
(() => {
  "use strict";
  const parts = (window.genlabMapParts ??= {});
  const EMPTY = "No patterns yet: run  genlab ingest PATH…  and they appear here.";
  const mounted = new Map(); // element -> {map, loading, urls}

  /** Mount a map in an element; options {onSelect({indices, ids, kind}), onHover({index, id} | null)}. */
  function mount(host, options = {}) {
    unmount(host);
    const map = new parts.MapView(host, options);
    const address = host.dataset.address ? new parts.Address(map) : null;
    mounted.set(host, { map, address, loading: {}, urls: {} });
    return map;
  }

  function unmount(host) {
    const entry = mounted.get(host);
    if (!entry) return;
    for (const load of Object.values(entry.loading)) load.abort();
    entry.address?.destroy();
    entry.map.destroy();
    mounted.delete(host);
  }

  /** The map in an element (or its id); without an argument the first one on the page. */
  function get(host) {
    const node = typeof host === "string" ? document.getElementById(host) : host;
    return (node ? mounted.get(node) : mounted.values().next().value)?.map ?? null;
  }

  const load = (url, signal) => parts.fetchBody(url, signal);

  /** Same ids in the same order: move; some shared: move those; none: replace. */
  function applyPoints(map, body) {
    const before = { ids: map.ids, x: map.x, y: map.y };
    const same = body.ids.length === before.ids.length && body.ids.every((id, i) => id === before.ids[i]);
    if (same) {
      map.texts = body.texts ?? map.texts;
      map.setSizes(body.size);
      map.animateTo(body.x, body.y, 700);
      return;
    }
    const shared = before.ids.length ? body.ids.map((id) => map.indexOf(id)) : [];
    map.setPoints(body);
    if (shared.some((i) => i >= 0)) {
      map.x = Float32Array.from(body.x, (v, i) => (shared[i] >= 0 ? before.x[shared[i]] : v));
      map.y = Float32Array.from(body.y, (v, i) => (shared[i] >= 0 ? before.y[shared[i]] : v));
      map.animateTo(body.x, body.y, 700);
    }
  }

  /** Colours may arrive before their points: they wait until the counts agree. */
  function applyColours(entry) {
    const { map, colours } = entry;
    if (!colours || entry.loading.points) return;
    const count = (colours.value ?? colours.index).length;
    if (count === map.x.length) map.setColours(colours);
    else if (entry.mended !== colours) { // patterns came or went since: fetch the points again, once
      entry.mended = colours;
      entry.urls.points = null;
      refresh(map.host, "points");
    } else if (map.x.length) {
      map.showState(`The colours are for ${count} patterns, the map has ${map.x.length}: reload the page.`, "error");
    }
  }

  /** data-select: {ids, kind, focus, serial} as JSON; once each, as soon as there are points. */
  function applySelect(host) {
    const entry = mounted.get(host);
    const asked = host.dataset.select;
    if (!entry || !asked || entry.selected === asked || !entry.map.x.length) return;
    entry.selected = asked;
    const { ids, kind, focus } = JSON.parse(asked);
    entry.map.selectIds(ids, "replace", kind ?? "code");
    if (focus) entry.map.focus(entry.map.indexOf(focus));
  }

  async function refresh(host, what) {
    const entry = mounted.get(host);
    const url = host.dataset[`${what}Url`];
    if (!entry || !url || entry.urls[what] === url) return;
    entry.urls[what] = url;
    entry.loading[what]?.abort();
    const loading = (entry.loading[what] = new AbortController());
    if (what === "points" && !entry.map.x.length) entry.map.showState("Loading the map…", "loading");
    let body, problem;
    try {
      body = await load(url, loading.signal);
    } catch (error) {
      problem = error;
    }
    if (entry.loading[what] !== loading || loading.signal.aborted) return; // a newer one is on its way
    delete entry.loading[what];
    if (problem) {
      entry.urls[what] = null; // the same address may be tried again
      entry.map.showState(`The ${what === "points" ? "map" : "colours"} could not be loaded: ${problem.message}.`, "error");
      return;
    }
    if (what === "points") {
      applyPoints(entry.map, body);
      entry.map.showState(body.ids.length ? null : host.dataset.empty || EMPTY, "empty");
      applySelect(host);
    } else {
      entry.colours = body;
      if (entry.map.state.dataset.kind === "error" && entry.map.x.length) entry.map.showState(null);
    }
    applyColours(entry);
    host.dispatchEvent(new CustomEvent(`genlab:${what}`, { bubbles: true }));
  }

  /** Writes to a dcc.Store where Dash runs. */
  function setStore(id, data) {
    if (id) window.dash_clientside?.set_props?.(id, { data });
  }

  function autoMount(host) {
    let n = 0;
    mount(host, {
      onSelect: ({ ids, kind }) => {
        const detail = { ids, kind, count: ids.length, n: ++n };
        host.dispatchEvent(new CustomEvent("genlab:selection", { bubbles: true, detail }));
        setStore(host.dataset.selectionStore ?? "map-selection", detail);
      },
      onHover: (point) => setStore(host.dataset.hoverStore, point),
    });
    refresh(host, "points");
    refresh(host, "colours");
  }

  function changed(records) {
    const marked = "[data-genlab-map]";
    for (const host of mounted.keys()) if (!host.isConnected) unmount(host);
    for (const record of records) {
      if (record.type === "attributes") {
        const name = record.attributeName;
        if (!mounted.has(record.target)) continue;
        if (name === "data-points-url") refresh(record.target, "points");
        else if (name === "data-colours-url") refresh(record.target, "colours");
        else if (name === "data-select") applySelect(record.target);
        else if (name === "data-focus") {
          const map = get(record.target);
          map.focus(map.indexOf(record.target.dataset.focus));
        }
        continue;
      }
      for (const node of record.addedNodes) {
        if (node.nodeType !== 1) continue;
        if (node.matches(marked) && !mounted.has(node)) autoMount(node);
        for (const inner of node.querySelectorAll(marked)) if (!mounted.has(inner)) autoMount(inner);
      }
    }
  }

  function start() {
    document.querySelectorAll("[data-genlab-map]").forEach(autoMount);
    new MutationObserver(changed).observe(document.body, {
      childList: true, subtree: true, attributes: true,
      attributeFilter: ["data-points-url", "data-colours-url", "data-focus", "data-select"],
    });
  }

  window.genlabMap = { mount, unmount, get, load };
  // the other map_*.js files come after this one: wait for all of them
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else setTimeout(start, 0);
})();
