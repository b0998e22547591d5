/* What lies over the points: lasso, hover ring, names of groups, tooltip, legend.
   Text from machines is only ever set as textContent or drawn with fillText. */
(() => {
  "use strict";
  const parts = (window.genlabMapParts ??= {});
  const CELLS = 32; // of the grid in which dense places are sought
  const PLACES = 3, APART = 6; // names per category, cells between two of them

  function drawOverlay(map) {
    const { pen, theme, shape } = map;
    pen.clearRect(0, 0, map.width, map.height);
    drawNames(map);
    if (map.hovered >= 0 && map.hovered < map.x.length) {
      const { scale, x0, y0 } = map.view();
      pen.beginPath();
      pen.arc(x0 + scale * map.x[map.hovered], y0 - scale * map.y[map.hovered], map.radius[map.hovered] + 4, 0, 7);
      pen.lineWidth = 2;
      pen.strokeStyle = theme.accent;
      pen.stroke();
    }
    if (!shape || shape.points.length < 4) return;
    const p = shape.points;
    pen.beginPath();
    if (shape.kind === "box") {
      pen.rect(p[0], p[1], p[p.length - 2] - p[0], p[p.length - 1] - p[1]);
    } else {
      for (let k = 0; k < p.length; k += 2) pen.lineTo(p[k], p[k + 1]);
      pen.closePath();
    }
    pen.globalAlpha = 0.12;
    pen.fillStyle = theme.accent;
    pen.fill();
    pen.globalAlpha = 1;
    pen.lineWidth = 1.5;
    pen.setLineDash([5, 4]);
    pen.strokeStyle = theme.accent;
    pen.stroke();
    pen.setLineDash([]);
  }

  /** Where each category is dense, at most PLACES places far apart: [{name, x, y, count}]. */
  function anchors(map) {
    const { colours, extent, x, y, shown } = map;
    if (colours?.kind !== "category" || colours.index.length !== x.length) return [];
    const cw = (extent.x1 - extent.x0) / CELLS || 1, ch = (extent.y1 - extent.y0) / CELLS || 1;
    const groups = colours.names.map(() => new Map()); // per category: cell -> [count, sum x, sum y]
    for (let i = 0; i < x.length; i++) {
      const cells = groups[colours.index[i]];
      if (!cells || (shown && !shown[i])) continue;
      const u = Math.min(CELLS - 1, Math.floor((x[i] - extent.x0) / cw));
      const v = Math.min(CELLS - 1, Math.floor((y[i] - extent.y0) / ch));
      const cell = cells.get(v * CELLS + u) ?? [0, 0, 0, u, v];
      cell[0]++;
      cell[1] += x[i];
      cell[2] += y[i];
      cells.set(v * CELLS + u, cell);
    }
    const out = [];
    groups.forEach((cells, k) => {
      const dense = [];
      for (const cell of cells.values()) {
        const around = [0, 0, 0];
        for (let v = -1; v <= 1; v++) for (let u = -1; u <= 1; u++) {
          const other = cells.get((cell[4] + v) * CELLS + cell[3] + u);
          if (other && Math.abs(other[3] - cell[3]) <= 1) other.slice(0, 3).forEach((w, j) => (around[j] += w));
        }
        dense.push({ name: colours.names[k], u: cell[3], v: cell[4], count: around[0], x: around[1] / around[0], y: around[2] / around[0] });
      }
      dense.sort((a, b) => b.count - a.count);
      const chosen = [];
      for (const place of dense) {
        if (chosen.length === PLACES || place.count < Math.max(3, dense[0].count * 0.3)) break;
        if (chosen.every((c) => Math.hypot(c.u - place.u, c.v - place.v) > APART)) chosen.push(place);
      }
      out.push(...chosen);
    });
    return out.sort((a, b) => b.count - a.count).slice(0, 60);
  }

  function drawNames(map) {
    if (map.shape || map.moving || map.host.dataset.names === "off") return;
    if (map.anchorsOf !== map.colours || map.anchorsAt !== map.grid || map.anchorsIn !== map.shown) {
      Object.assign(map, { anchorsOf: map.colours, anchorsAt: map.grid, anchorsIn: map.shown, anchors: anchors(map) });
    }
    const { pen, theme } = map;
    const { scale, x0, y0 } = map.view();
    const taken = [];
    pen.font = "600 12px system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif";
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    pen.lineJoin = "round";
    for (const { name, x, y } of map.anchors) {
      const text = name.length > 28 ? `${name.slice(0, 27)}…` : name;
      const cx = x0 + scale * x, cy = y0 - scale * y, half = pen.measureText(text).width / 2 + 4;
      if (cx < half || cy < 10 || cx > map.width - half || cy > map.height - 10) continue;
      if (taken.some((t) => Math.abs(t.cx - cx) < t.half + half && Math.abs(t.cy - cy) < 18)) continue;
      taken.push({ cx, cy, half });
      pen.lineWidth = 4;
      pen.strokeStyle = theme.paper;
      pen.strokeText(text, cx, cy);
      pen.fillStyle = theme.ink;
      pen.fillText(text, cx, cy);
    }
  }

  const number = (v) => (Math.abs(v) >= 1000 ? Math.round(v).toLocaleString("en") : String(+v.toPrecision(3)));

  /** What the colour says about one point, in words. */
  function meaning(colours, i) {
    if (!colours) return "";
    if (colours.kind === "category") return colours.names[colours.index[i]] ?? "unlabelled";
    const value = colours.value[i];
    return `${colours.name || "value"} ${value === value ? number(value) : "unknown"}`;
  }

  function showTip(map, index, sx, sy) {
    const tip = map.tip;
    tip.hidden = index < 0;
    if (index < 0) return;
    if (tip.dataset.index !== String(index) || map.tipOf !== map.colours) {
      tip.dataset.index = String(index);
      map.tipOf = map.colours;
      tip.replaceChildren();
      parts.element("div", "gl-map-tip-text", tip, map.texts?.[index] ?? map.ids[index]);
      const line = parts.element("div", "gl-map-tip-line", tip);
      const count = map.size[index];
      parts.element("span", "", line, meaning(map.colours, index));
      parts.element("span", "gl-num", line, `${number(count)} message${count === 1 ? "" : "s"}`);
    }
    const { offsetWidth: w, offsetHeight: h } = tip;
    const left = sx + 16 + w > map.width ? sx - 14 - w : sx + 16;
    const top = sy + 16 + h > map.height ? sy - 12 - h : sy + 16;
    tip.style.transform = `translate(${Math.max(4, Math.round(left))}px, ${Math.max(4, Math.round(top))}px)`;
  }

  /** Bottom left: names with their colours and counts, or a scale.  A click shows one name alone,
   *  with Ctrl or Cmd it adds or takes one, with Shift it selects what has the name. */
  class Legend {
    constructor(map) {
      this.map = map;
      this.node = parts.element("div", "gl-map-legend", map.host);
      this.node.hidden = true;
      this.title = parts.element("button", "gl-map-legend-title", this.node);
      this.title.type = "button";
      this.title.addEventListener("click", () => this.open(this.body.hidden));
      this.body = parts.element("div", "gl-map-legend-body", this.node);
      this.open(map.host.clientWidth === 0 || map.host.clientWidth >= parts.WIDE);
    }

    open(open) {
      this.body.hidden = !open;
      this.title.setAttribute("aria-expanded", String(open));
    }

    update() {
      const { colours } = this.map;
      this.node.hidden = !colours || this.map.host.dataset.legend === "off";
      if (this.node.hidden) return;
      const { only } = this.map;
      this.title.textContent = `${colours.name || "colours"}${only ? ` · ${only.size} shown` : ""}`;
      const focused = this.body.contains(document.activeElement) ? document.activeElement.dataset.name : undefined;
      this.body.replaceChildren();
      if (colours.kind === "category") this.#categories(colours, focused);
      else this.#scale(colours);
    }

    #scale({ scale, min, max, unit }) {
      const bar = parts.element("div", "gl-map-legend-bar", this.body);
      bar.style.backgroundImage = `linear-gradient(to right, ${scale.join(", ")})`;
      const ends = parts.element("div", "gl-map-legend-ends gl-num", this.body);
      parts.element("span", "", ends, number(min));
      if (unit) parts.element("span", "", ends, unit);
      parts.element("span", "", ends, number(max));
    }

    #categories({ index, palette, names }, focused) {
      const counts = new Uint32Array(names.length + 1);
      for (const k of index) counts[Math.min(k, names.length)]++;
      const row = (k, name, colour, key = name) => {
        const button = parts.element("button", "gl-map-legend-row", this.body);
        button.type = "button";
        const on = !this.map.only || this.map.only.has(key);
        button.dataset.name = key;
        button.title = `show only ${name}; ctrl-click adds, shift-click selects`;
        button.setAttribute("aria-pressed", String(on));
        const swatch = parts.element("i", "", button);
        if (colour) swatch.style.background = colour;
        parts.element("span", "gl-map-legend-name", button, name);
        parts.element("span", "gl-num", button, counts[k].toLocaleString("en"));
        button.addEventListener("click", (event) => {
          if (event.shiftKey) this.#select(index, k, names.length, event.ctrlKey || event.metaKey);
          else this.map.showOnly(this.#chosen(key, event.ctrlKey || event.metaKey));
        });
        if (key === focused) button.focus();
      };
      const order = names.map((_, k) => k).filter((k) => counts[k]).sort((a, b) => counts[b] - counts[a]);
      for (const k of order.slice(0, 12)) row(k, names[k], palette[k]);
      if (order.length > 12) parts.element("div", "gl-map-legend-more", this.body, `and ${order.length - 12} more`);
      if (counts[names.length]) row(names.length, "unlabelled", null, "");
      if (!this.map.only) return;
      const all = parts.element("button", "gl-map-legend-all", this.body, "show all");
      all.type = "button";
      all.addEventListener("click", () => this.map.showOnly(null));
    }

    /** The names shown after a click on one. */
    #chosen(name, together) {
      const only = this.map.only ?? new Set();
      if (!together) return only.size === 1 && only.has(name) ? null : [name];
      return only.has(name) ? [...only].filter((other) => other !== name) : [...only, name];
    }

    #select(index, k, unknown, together) {
      const { shown } = this.map, inside = [];
      index.forEach((v, i) => Math.min(v, unknown) === k && (!shown || shown[i]) && inside.push(i));
      this.map.select(inside, together ? "add" : "replace", "legend");
    }
  }

  Object.assign(parts, { drawOverlay, showTip, Legend });
})();
