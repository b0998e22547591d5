/* Mouse, touch and keyboard on the map.
   drag: lasso (or the tool chosen) · shift-drag: box · space-, middle- or right-drag: pan
   ctrl/cmd: add to the selection · alt: take away · wheel: zoom · double click: whole map */
(() => {
  "use strict";
  const parts = (window.genlabMapParts ??= {});
  const TOOLS = [
    ["lasso", "Lasso (drag)", "M12 4c5 0 8 2.6 8 6s-3.5 6-8 6c-1.6 0-3-.3-4.2-.9M7.8 15.1C5.5 14 4 12.2 4 10c0-3.4 3.5-6 8-6M7.8 15.1a2 2 0 1 1-2.6 2.9c1.3 0 2.8-1.2 2.6-2.9ZM6 19c0 1-.4 1.7-1 2"],
    ["box", "Box (shift-drag)", "M5 5h3m3 0h3m3 0h2v2m0 3v3m0 3v3h-2m-3 0h-3m-3 0H5v-2m0-3v-3m0-3V5"],
    ["pan", "Move (space-drag)", "M12 3v18M3 12h18M12 3 9.5 5.5M12 3l2.5 2.5M12 21l-2.5-2.5M12 21l2.5-2.5M3 12l2.5-2.5M3 12l2.5 2.5M21 12l-2.5-2.5M21 12l-2.5 2.5"],
  ];
  const VIEWS = [
    ["in", "Zoom in (+)", "M12 5v14M5 12h14"],
    ["out", "Zoom out (-)", "M5 12h14"],
    ["all", "Whole map (double click)", "M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5"],
  ];

  function button(bar, [name, title, path], onClick) {
    const node = parts.element("button", "gl-map-tool", bar);
    node.type = "button";
    node.title = title;
    node.setAttribute("aria-label", title);
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("viewBox", "0 0 24 24");
    const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
    line.setAttribute("d", path);
    svg.append(line);
    node.append(svg);
    node.dataset.tool = name;
    node.addEventListener("click", onClick);
    return node;
  }

  function attachInput(map) {
    const top = map.top;
    const stop = new AbortController();
    const on = (target, type, handler, options = {}) =>
      target.addEventListener(type, handler, { ...options, signal: stop.signal });
    let tool = "lasso", space = false, drag = null;

    const bar = parts.element("div", "gl-map-tools", map.host);
    const tools = TOOLS.map((t) => button(bar, t, () => setTool(t[0])));
    parts.element("hr", "", bar);
    const views = { in: () => map.zoomBy(1.5), out: () => map.zoomBy(1 / 1.5), all: () => map.resetView() };
    VIEWS.forEach((v) => button(bar, v, views[v[0]]));

    function setTool(name) {
      tool = name;
      for (const node of tools) node.setAttribute("aria-pressed", String(node.dataset.tool === name));
      cursor();
    }

    function cursor() {
      const panning = space || tool === "pan";
      top.style.cursor = panning ? (drag ? "grabbing" : "grab") : map.hovered >= 0 ? "pointer" : "crosshair";
    }

    function place(event) {
      const box = top.getBoundingClientRect();
      return [event.clientX - box.left, event.clientY - box.top];
    }

    const mode = (event) => (event.altKey ? "remove" : event.ctrlKey || event.metaKey ? "add" : "replace");

    on(top, "pointerdown", (event) => {
      if (event.button > 2 || drag) return;
      top.setPointerCapture(event.pointerId);
      const [x, y] = place(event);
      const kind = event.button > 0 || space || tool === "pan" ? "pan" : event.shiftKey ? "box" : tool;
      drag = { kind, x, y, lastX: x, lastY: y, moved: false, points: [x, y], id: event.pointerId };
      map.hover(-1);
      if (event.button === 1) event.preventDefault();
      cursor();
    });

    on(top, "pointermove", (event) => {
      const [x, y] = place(event);
      if (!drag) {
        map.hover(map.pick(x, y), x, y);
        cursor();
        return;
      }
      if (event.pointerId !== drag.id) return;
      if (Math.hypot(x - drag.x, y - drag.y) > 3) drag.moved = true;
      if (drag.kind === "pan") {
        map.panBy(x - drag.lastX, y - drag.lastY);
        [drag.lastX, drag.lastY] = [x, y];
      } else {
        const trail = event.getCoalescedEvents?.() ?? [];
        for (const e of trail.length ? trail : [event]) drag.points.push(...place(e));
        if (drag.moved) map.shape = { kind: drag.kind, points: drag.points };
        map.drawTop();
      }
    });

    on(top, "pointerup", (event) => {
      if (!drag || event.pointerId !== drag.id) return;
      const [x, y] = place(event);
      const { kind, moved, points } = drag;
      drag = null;
      map.shape = null;
      if (kind !== "pan" && moved) {
        map.selectShape({ kind, points: [...points, x, y] }, mode(event));
      } else if (!moved && event.button === 0) {
        const hit = map.pick(x, y);
        if (hit >= 0) map.select([hit], event.ctrlKey || event.metaKey ? "toggle" : mode(event), "click");
        else if (map.anySelected && kind !== "pan") map.select([], "replace", "clear");
      }
      map.drawTop();
      cursor();
    });

    const cancel = () => {
      drag = null;
      map.shape = null;
      map.drawTop();
      cursor();
    };
    on(top, "pointercancel", cancel);
    on(top, "pointerleave", () => drag || map.hover(-1));
    on(top, "contextmenu", (event) => event.preventDefault());
    on(top, "dblclick", () => map.resetView());
    on(top, "wheel", (event) => {
      event.preventDefault();
      const step = event.deltaY * (event.deltaMode === 1 ? 16 : event.deltaMode === 2 ? 400 : 1);
      map.hover(-1);
      map.zoomBy(Math.exp(-Math.max(-300, Math.min(300, step)) * (event.ctrlKey ? 0.01 : 0.0022)), ...place(event));
    }, { passive: false });

    const keys = {
      ArrowLeft: () => map.panBy(60, 0), ArrowRight: () => map.panBy(-60, 0),
      ArrowUp: () => map.panBy(0, 60), ArrowDown: () => map.panBy(0, -60),
      "+": views.in, "=": views.in, "-": views.out, Home: views.all,
    };
    on(top, "keydown", (event) => {
      if (event.key === " ") {
        space = true;
        cursor();
      } else if (keys[event.key] && !event.ctrlKey && !event.metaKey) keys[event.key]();
      else if (event.key === "Escape" && drag) cancel();
      else return;
      event.preventDefault();
    });
    const release = (event) => {
      if (event.type === "blur" || event.key === " ") {
        space = false;
        cursor();
      }
    };
    on(top, "keyup", release);
    on(top, "blur", release);

    setTool("lasso");
    return () => stop.abort();
  }

  Object.assign(parts, { attachInput });
})();
