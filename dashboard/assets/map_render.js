/* Draws discs into an ImageData buffer: one pass over typed arrays, no GPU, no path calls.
   Each disc is a pre-computed list of covered pixels (radius in quarter pixels, 4 x 4 sub-pixel
   positions), with a thin halo in the surface colour so that neighbours stay apart. */
(() => {
  "use strict";
  const parts = (window.genlabMapParts ??= {});
  const SUB = 4;
  const HALO = 0.8;
  const CELL = 2; // CSS pixels; the smallest disc is 5 wide
  const NEARLY = 0.5;
  const [PLAIN, FADED, CHOSEN] = [0, 1, 2];

  const cover = (distance, radius) => Math.max(0, Math.min(1, radius - distance + 0.5));

  /** Covered pixels of a disc: offsets and coverage (0..256) of the disc and of disc plus halo. */
  function discMask(radius, halo, fx, fy) {
    const reach = Math.ceil(radius + halo + 1);
    const dx = [], dy = [], inner = [], outer = [];
    for (let v = -reach; v <= reach; v++) {
      for (let u = -reach; u <= reach; u++) {
        const distance = Math.hypot(u + 0.5 - fx, v + 0.5 - fy);
        const o = Math.round(256 * cover(distance, radius + halo));
        if (o === 0) continue;
        dx.push(u);
        dy.push(v);
        outer.push(o);
        inner.push(Math.round(256 * cover(distance, radius)));
      }
    }
    return {
      reach, dx: Int16Array.from(dx), dy: Int16Array.from(dy),
      inner: Uint16Array.from(inner), outer: Uint16Array.from(outer), offset: null,
    };
  }

  class Renderer {
    constructor(canvas) {
      this.canvas = canvas;
      this.context = canvas.getContext("2d", { alpha: false });
      this.masks = new Map();
      this.resize(1, 1, 1);
    }

    /** Size in CSS pixels and the device pixel ratio. */
    resize(width, height, ratio) {
      this.ratio = ratio;
      this.width = Math.max(1, Math.round(width * ratio));
      this.height = Math.max(1, Math.round(height * ratio));
      this.canvas.width = this.width;
      this.canvas.height = this.height;
      this.image = this.context.createImageData(this.width, this.height);
      this.pixels = new Uint32Array(this.image.data.buffer);
      this.masks.clear(); // offsets depend on the width
    }

    #mask(radius, halo, fx, fy) {
      const r4 = Math.max(1, Math.round(radius * 4));
      const key = ((r4 * 2 + (halo > 0 ? 1 : 0)) * SUB + fy) * SUB + fx;
      let mask = this.masks.get(key);
      if (!mask) {
        mask = discMask(r4 / 4, halo, (fx + 0.5) / SUB, (fy + 0.5) / SUB);
        mask.offset = Int32Array.from(mask.dx, (u, k) => mask.dy[k] * this.width + u);
        this.masks.set(key, mask);
      }
      return mask;
    }

    clear(surface) {
      this.surface = surface;
      this.pixels.fill(surface);
    }

    /** One disc: centre and radius in device pixels, packed colour, opacity 0..256. */
    disc(cx, cy, radius, colour, opacity, halo) {
      const ix = Math.floor(cx), iy = Math.floor(cy);
      const mask = this.#mask(radius, halo, Math.floor((cx - ix) * SUB), Math.floor((cy - iy) * SUB));
      const { reach, inner, outer, offset, dx, dy } = mask;
      const w = this.width, h = this.height, pixels = this.pixels;
      if (ix + reach < 0 || iy + reach < 0 || ix - reach >= w || iy - reach >= h) return;
      const whole = ix >= reach && iy >= reach && ix + reach < w && iy + reach < h;
      const base = iy * w + ix;
      const crb = colour & 0xff00ff, cg = colour & 0xff00;
      const srb = this.surface & 0xff00ff, sg = this.surface & 0xff00;
      for (let k = 0; k < offset.length; k++) {
        if (!whole) {
          const u = ix + dx[k], v = iy + dy[k];
          if (u < 0 || v < 0 || u >= w || v >= h) continue;
        }
        const ai = (inner[k] * opacity) >> 8, as = ((outer[k] - inner[k]) * opacity) >> 8;
        const left = 256 - ai - as, at = base + offset[k], d = pixels[at];
        const rb = (Math.imul(d & 0xff00ff, left) + Math.imul(crb, ai) + Math.imul(srb, as)) >>> 8;
        const g = (Math.imul(d & 0xff00, left) + Math.imul(cg, ai) + Math.imul(sg, as)) >>> 8;
        pixels[at] = 0xff000000 | (rb & 0xff00ff) | (g & 0xff00);
      }
    }

    /** Of the points in `order` those of one layer that are in sight and not buried, in the same
     *  order.  Buried is what shares a cell of CELL pixels with a later point (nearly) as large:
     *  where hundreds of thousands lie on each other, only the uppermost are drawn. */
    #visible(scene, layers, layer) {
      const { x, y, radius, order, view } = scene;
      const q = this.ratio, sx = view.scale * q, ox = view.x0 * q, oy = view.y0 * q;
      const margin = 16 * q, side = CELL * q;
      const columns = Math.ceil((this.width + 2 * margin) / side);
      const rows = Math.ceil((this.height + 2 * margin) / side);
      if (this.covered?.length !== columns * rows) this.covered = new Float32Array(columns * rows);
      const covered = this.covered.fill(0);
      if (!(this.list?.length >= order.length)) this.list = new Uint32Array(order.length);
      let from = order.length;
      for (let k = order.length - 1; k >= 0; k--) {
        const i = order[k];
        if (layers[i] !== layer) continue;
        const u = ox + x[i] * sx + margin, v = oy - y[i] * sx + margin;
        if (!(u >= 0 && v >= 0 && u < this.width + 2 * margin && v < this.height + 2 * margin)) continue;
        const cell = Math.floor(v / side) * columns + Math.floor(u / side);
        if (covered[cell] >= radius[i] - NEARLY) continue;
        covered[cell] = radius[i];
        this.list[--from] = i;
      }
      return this.list.subarray(from, order.length);
    }

    /** Draw all points in `order` (large first, so that small ones stay on top): filtered-out
     *  ones faintest, then the others (dimmed while something is selected), then the selected.
     *  view: screen = (x0 + scale x, y0 - scale y) in CSS pixels; answers how many were drawn. */
    draw(scene) {
      const { x, y, radius, colour, selected, anySelected, shown, view, theme } = scene;
      const q = this.ratio, sx = view.scale * q, ox = view.x0 * q, oy = view.y0 * q;
      this.clear(theme.surface);
      const put = (i, grow, packed, opacity, halo) =>
        this.disc(ox + x[i] * sx, oy - y[i] * sx, (radius[i] + grow) * q, packed, opacity, halo * q);
      const layers = new Uint8Array(selected.length);
      for (let i = 0; i < layers.length; i++) layers[i] = selected[i] ? CHOSEN : shown && !shown[i] ? FADED : PLAIN;
      let drawn = 0;
      const each = (layer, draw) => {
        const points = this.#visible(scene, layers, layer);
        for (const i of points) draw(i);
        drawn += points.length;
      };
      if (shown) each(FADED, (i) => put(i, -0.5, theme.unknown, 36, 0));
      const opacity = anySelected ? 92 : 236;
      const halo = anySelected ? 0 : HALO;
      each(PLAIN, (i) => put(i, 0, colour[i], opacity, halo));
      if (anySelected) {
        // all rings first, then all discs: a dense selection gets one outline, not a blot
        each(CHOSEN, (i) => put(i, 2, theme.ring, 256, 0));
        each(CHOSEN, (i) => put(i, 0, colour[i], 256, HALO));
      }
      this.context.putImageData(this.image, 0, 0);
      return drawn;
    }
  }

  Object.assign(parts, { Renderer, discMask });
})();
