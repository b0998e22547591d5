/* One map in one element: its data, its view, what is selected, and drawing it. */
(() => {
  "use strict";
  const parts = (window.genlabMapParts ??= {});
  const [R_MIN, R_MAX] = [2.5, 9];
  const FOCUS_ZOOM = 3;

  /** Radii in CSS pixels from message counts: square-root scale from R_MIN to R_MAX, which the
   *  largest 0.2 % reach (counts have long tails; one giant must not flatten all others). */
  function radii(size, order) {
    const most = size.length ? Math.max(1, size[order[Math.floor(size.length * 0.002)]]) : 1;
    const span = Math.sqrt(most) - 1 || 1;
    const share = (s) => Math.min(1, (Math.sqrt(Math.max(1, s)) - 1) / span);
    return Float32Array.from(size, (s) => R_MIN + (R_MAX - R_MIN) * share(s));
  }

  /** Indices from the largest to the smallest: one number for both, for a sort without callbacks. */
  function descending(size) {
    const n = size.length || 1;
    const keys = Float64Array.from(size, (s, i) => i - Math.round(s) * n).sort();
    return Uint32Array.from(keys, (key) => ((key % n) + n) % n);
  }

  function element(tag, className, parent, text) {
    const node = document.createElement(tag);
    node.className = className;
    if (text !== undefined) node.textContent = text;
    parent?.append(node);
    return node;
  }

  const EMPTY = { x: new Float32Array(0), y: new Float32Array(0), size: new Float32Array(0), ids: [] };

  class MapView {
    constructor(host, options = {}) {
      this.host = host;
      this.options = options;
      host.classList.add("gl-map");
      this.base = element("canvas", "gl-map-base", host);
      this.top = element("canvas", "gl-map-top", host);
      this.top.tabIndex = 0;
      this.top.setAttribute("role", "img");
      this.tip = element("div", "gl-map-tip", host);
      this.tip.hidden = true;
      this.state = element("div", "gl-map-state", host);
      this.state.setAttribute("role", "status");
      this.state.hidden = true;
      this.renderer = new parts.Renderer(this.base);
      this.pen = this.top.getContext("2d");
      this.counts = { points: 0, drawn: 0, drawMs: 0, indexMs: 0, selectMs: 0, frames: 0 };
      this.camera = new parts.Camera();
      this.hovered = -1;
      this.shape = null; // the lasso or box being drawn, screen coordinates
      this.colours = null;
      this.only = null; // names of the legend that are shown
      this.#readTheme();
      this.setPoints(EMPTY);
      this.resizer = new ResizeObserver(() => this.resize());
      this.resizer.observe(host);
      this.themes = new MutationObserver(() => this.themeChanged());
      this.themes.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
      this.media = matchMedia("(prefers-color-scheme: dark)");
      this.onMedia = () => this.themeChanged();
      this.media.addEventListener("change", this.onMedia);
      this.legend = new parts.Legend(this);
      this.detach = parts.attachInput(this);
      this.resize();
    }

    destroy() {
      this.detach();
      this.resizer.disconnect();
      this.themes.disconnect();
      this.media.removeEventListener("change", this.onMedia);
      cancelAnimationFrame(this.pending);
      cancelAnimationFrame(this.moving);
      this.pending = this.moving = 0;
      this.host.replaceChildren();
      this.host.classList.remove("gl-map");
    }

    // ---- data -------------------------------------------------------------------------------

    /** Replace the points; keeps what is selected by id, and the view while there is one. */
    setPoints({ x, y, size, ids, texts }) {
      if (x.length !== y.length || x.length !== size.length || x.length !== ids.length) {
        throw new Error(`expected arrays of one length, found x ${x.length}, y ${y.length}, size ${size.length}, ids ${ids.length}`);
      }
      const kept = new Set(this.ids ? Array.from(this.selection(), (i) => this.ids[i]) : []);
      cancelAnimationFrame(this.moving);
      Object.assign(this, { x, y, size, ids, texts: texts ?? null, hovered: -1, moving: 0 });
      this.tip.hidden = true;
      this.position = null; // id -> index, built when first asked for
      this.setSizes(size);
      this.selected = Uint8Array.from(ids, (id) => (kept.has(id) ? 1 : 0));
      this.anySelected = this.selected.includes(1);
      this.#index();
      this.counts.points = x.length;
      this.#paint();
      this.top.setAttribute("aria-label", `Map of ${x.length} patterns`);
      this.schedule();
    }

    /** Message counts of the same points: radii, and the order of drawing. */
    setSizes(size) {
      this.size = size;
      this.order = descending(size);
      this.radius = radii(size, this.order);
      this.schedule();
    }

    /** Recolour only: no layout, no index.  `shown` (Uint8Array, optional) fades what a filter leaves out. */
    setColours(colours) {
      const count = colours?.kind === "continuous" ? colours.value.length : colours?.index.length;
      if (colours && count !== this.x.length) {
        throw new Error(`expected colours for ${this.x.length} patterns, found ${count}`);
      }
      if (colours?.name !== this.colours?.name) this.only = null;
      this.colours = colours;
      this.#paint();
      this.legend.update();
      this.schedule();
    }

    #paint() {
      const fits = this.colours && (this.colours.value ?? this.colours.index).length === this.x.length;
      this.colour = parts.pointColours(fits ? this.colours : null, this.x.length, this.theme.unknown);
      this.shown = fits ? parts.shownOf(this.colours, this.only) : null;
    }

    /** Show only these names of the legend ("" for what has none), null for all. */
    showOnly(names) {
      this.only = names?.length ? new Set(names) : null;
      this.hover(-1);
      this.#paint();
      this.legend.update();
      this.schedule();
      this.host.dispatchEvent(new CustomEvent("genlab:legend", { bubbles: true }));
    }

    #index() {
      const started = performance.now();
      this.grid = new parts.Grid(this.x, this.y);
      this.extent = parts.bounds(this.x, this.y);
      this.counts.indexMs = performance.now() - started;
    }

    /** Move smoothly to new coordinates of the same points. */
    animateTo(x, y, ms = 600) {
      if (x.length !== this.x.length || y.length !== this.x.length) {
        throw new Error(`expected ${this.x.length} coordinates, found x ${x.length}, y ${y.length}`);
      }
      const [fromX, fromY, from] = [this.x, this.y, this.extent];
      const to = parts.bounds(x, y);
      const betweenX = new Float32Array(x.length), betweenY = new Float32Array(x.length);
      if (matchMedia("(prefers-reduced-motion: reduce)").matches) ms = 0;
      const started = performance.now();
      this.hover(-1);
      cancelAnimationFrame(this.moving);
      const step = () => {
        const t = ms > 0 ? Math.min(1, (performance.now() - started) / ms) : 1;
        const e = t < 0.5 ? 4 * t ** 3 : 1 - (2 - 2 * t) ** 3 / 2;
        const mix = (a, b) => a + (b - a) * e;
        if (t === 1) {
          Object.assign(this, { x, y });
          this.#index();
        } else {
          for (let i = 0; i < x.length; i++) {
            betweenX[i] = fromX[i] + (x[i] - fromX[i]) * e;
            betweenY[i] = fromY[i] + (y[i] - fromY[i]) * e;
          }
          Object.assign(this, { x: betweenX, y: betweenY });
          this.extent = { x0: mix(from.x0, to.x0), x1: mix(from.x1, to.x1), y0: mix(from.y0, to.y0), y1: mix(from.y1, to.y1) };
        }
        this.draw();
        this.moving = t < 1 ? requestAnimationFrame(step) : 0;
      };
      step();
    }

    // ---- view -------------------------------------------------------------------------------

    /** screen x = x0 + scale * x, screen y = y0 - scale * y, in CSS pixels of the element. */
    view() {
      return this.camera.view(this.extent, this.width, this.height);
    }

    /** Zoom by a factor about a point of the screen. */
    zoomBy(factor, sx = this.width / 2, sy = this.height / 2) {
      this.camera.zoomBy(factor, sx, sy, this.width, this.height);
      this.schedule();
    }

    panBy(dx, dy) {
      this.camera.panBy(dx, dy, this.width, this.height);
      this.schedule();
    }

    resetView() {
      this.camera.reset();
      this.schedule();
    }

    /** What is in the middle, and how enlarged: {x, y, zoom}. */
    centre() {
      const { scale, x0, y0 } = this.view();
      return { x: (this.width / 2 - x0) / scale, y: (y0 - this.height / 2) / scale, zoom: this.camera.zoom };
    }

    /** The reverse of `centre`. */
    lookAt({ x, y, zoom }) {
      this.camera.centre(x, y, zoom, this.extent, this.width, this.height);
      this.schedule();
    }

    /** Bring one point to the middle and mark it. */
    focus(index) {
      if (!(index >= 0 && index < this.x.length)) return;
      const zoom = Math.max(this.camera.zoom, FOCUS_ZOOM);
      this.camera.centre(this.x[index], this.y[index], zoom, this.extent, this.width, this.height);
      this.hovered = index;
      this.schedule();
    }

    /** The index of an id, or -1. */
    indexOf(id) {
      this.position ??= new Map(this.ids.map((value, i) => [value, i]));
      return this.position.get(id) ?? -1;
    }

    /** Topmost point under a place on the screen, else the nearest within 4 px, else -1. */
    pick(sx, sy) {
      const { scale, x0, y0 } = this.view();
      const px = (sx - x0) / scale, py = (y0 - sy) / scale;
      let best = -1, bestCost = Infinity;
      this.grid.near(px, py, (R_MAX + 4) / scale, (i) => {
        if (this.shown && !this.shown[i]) return;
        const gap = Math.hypot(this.x[i] - px, this.y[i] - py) * scale - this.radius[i];
        const cost = gap <= 0 ? this.radius[i] - 1000 : gap;
        if (gap <= 4 && cost < bestCost) [best, bestCost] = [i, cost];
      });
      return best;
    }

    // ---- selection --------------------------------------------------------------------------

    /** Select indices; mode "replace", "add", "remove" or "toggle".  kind names the gesture. */
    select(indices, mode = "replace", kind = "code") {
      if (mode === "replace") this.selected.fill(0);
      for (const i of indices) {
        this.selected[i] = mode === "remove" ? 0 : mode === "toggle" ? 1 - this.selected[i] : 1;
      }
      this.anySelected = this.selected.includes(1);
      this.schedule();
      const chosen = this.selection();
      this.options.onSelect?.({ indices: chosen, ids: Array.from(chosen, (i) => this.ids[i]), kind });
    }

    selectIds(ids, mode = "replace", kind = "code") {
      this.select(ids.map((id) => this.indexOf(id)).filter((i) => i >= 0), mode, kind);
    }

    selection() {
      const chosen = [];
      for (let i = 0; i < this.selected.length; i++) if (this.selected[i]) chosen.push(i);
      return Uint32Array.from(chosen);
    }

    /** End of a lasso or box: test every point once.  polygon in screen coordinates. */
    selectShape(shape, mode) {
      const started = performance.now();
      const { scale, x0, y0 } = this.view();
      const p = Float64Array.from(shape.points, (v, k) => (k % 2 ? (y0 - v) / scale : (v - x0) / scale));
      const found = shape.kind === "box"
        ? parts.insideBox(this.x, this.y, p[0], p[1], p[p.length - 2], p[p.length - 1], this.shown)
        : parts.insidePolygon(this.x, this.y, p, this.shown);
      this.counts.selectMs = performance.now() - started;
      this.select(found, mode, shape.kind);
    }

    hover(index, sx = 0, sy = 0) {
      if (index !== this.hovered) {
        this.hovered = index;
        this.drawTop();
        this.options.onHover?.(index < 0 ? null : { index, id: this.ids[index] });
      }
      parts.showTip(this, index, sx, sy);
    }

    // ---- drawing ----------------------------------------------------------------------------

    #readTheme() {
      const style = getComputedStyle(this.host);
      const read = (name, fallback) => style.getPropertyValue(name).trim() || fallback;
      const packed = (name, fallback) => parts.pack(parts.rgb(read(name, fallback)));
      this.theme = {
        surface: packed("--map-surface", "#ffffff"),
        unknown: packed("--map-unknown", "#a8b0ba"),
        ring: packed("--map-ring", "#16202c"),
        ink: read("--ink", "#16202c"),
        paper: read("--map-surface", "#ffffff"),
        accent: read("--accent", "#2457d6"),
      };
    }

    themeChanged() {
      this.#readTheme();
      this.#paint();
      this.schedule();
    }

    resize() {
      this.width = Math.max(1, this.host.clientWidth);
      this.height = Math.max(1, this.host.clientHeight);
      const ratio = Math.min(3, window.devicePixelRatio || 1);
      this.renderer.resize(this.width, this.height, ratio);
      this.top.width = Math.round(this.width * ratio);
      this.top.height = Math.round(this.height * ratio);
      this.pen.setTransform(ratio, 0, 0, ratio, 0, 0);
      this.draw();
    }

    schedule() {
      if (this.pending) return;
      this.pending = requestAnimationFrame(() => this.draw());
    }

    draw() {
      cancelAnimationFrame(this.pending);
      this.pending = 0;
      const started = performance.now();
      this.counts.drawn = this.renderer.draw({
        x: this.x, y: this.y, radius: this.radius, order: this.order, colour: this.colour,
        selected: this.selected, anySelected: this.anySelected, shown: this.shown,
        view: this.view(), theme: this.theme,
      });
      this.counts.drawMs = performance.now() - started;
      this.counts.frames++;
      this.drawTop();
      const { zoom, tx, ty } = this.camera, at = `${zoom} ${tx} ${ty}`;
      if (at !== this.seenAt) this.host.dispatchEvent(new CustomEvent("genlab:view", { bubbles: true }));
      this.seenAt = at;
    }

    drawTop() {
      parts.drawOverlay(this);
    }

    /** What stands in the canvas area instead of points: text, or null for nothing. */
    showState(text, kind = "note") {
      this.state.hidden = text === null;
      this.state.textContent = text ?? "";
      this.state.dataset.kind = kind;
    }

    stats() {
      return { ...this.counts, selected: this.selection().length };
    }
  }

  Object.assign(parts, { MapView, element });
})();
