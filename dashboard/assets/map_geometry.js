/* Geometry over typed arrays: a uniform grid index for picking, polygon and box tests. */
(() => {
  "use strict";
  const parts = (window.genlabMapParts ??= {});

  /** Bounds of finite coordinates: {x0, x1, y0, y1}; a unit box where there are none. */
  function bounds(x, y) {
    let x0 = Infinity, x1 = -Infinity, y0 = Infinity, y1 = -Infinity;
    for (let i = 0; i < x.length; i++) {
      if (x[i] < x0) x0 = x[i];
      if (x[i] > x1) x1 = x[i];
      if (y[i] < y0) y0 = y[i];
      if (y[i] > y1) y1 = y[i];
    }
    return x0 <= x1 ? { x0, x1, y0, y1 } : { x0: 0, x1: 1, y0: 0, y1: 1 };
  }

  /** Uniform grid: a counting sort of the points by cell, about four points in each. */
  class Grid {
    constructor(x, y) {
      this.x = x;
      this.y = y;
      const b = bounds(x, y);
      this.x0 = b.x0;
      this.y0 = b.y0;
      const n = Math.max(1, Math.min(512, Math.ceil(Math.sqrt(x.length / 4))));
      this.n = n;
      this.cw = (b.x1 - b.x0) / n || 1;
      this.ch = (b.y1 - b.y0) / n || 1;
      this.start = new Uint32Array(n * n + 1);
      const cell = new Uint32Array(x.length);
      for (let i = 0; i < x.length; i++) {
        cell[i] = this.#row(y[i]) * n + this.#column(x[i]);
        this.start[cell[i] + 1]++;
      }
      for (let c = 0; c < n * n; c++) this.start[c + 1] += this.start[c];
      this.items = new Uint32Array(x.length);
      const next = this.start.slice(0, n * n);
      for (let i = 0; i < x.length; i++) this.items[next[cell[i]]++] = i;
    }

    #column(x) {
      return Math.max(0, Math.min(this.n - 1, Math.floor((x - this.x0) / this.cw)));
    }

    #row(y) {
      return Math.max(0, Math.min(this.n - 1, Math.floor((y - this.y0) / this.ch)));
    }

    /** Calls visit(i) for every point in the cells that touch the square around (x, y). */
    near(x, y, reach, visit) {
      const left = this.#column(x - reach), right = this.#column(x + reach);
      const top = this.#row(y + reach), bottom = this.#row(y - reach);
      for (let r = bottom; r <= top; r++) {
        const from = this.start[r * this.n + left], to = this.start[r * this.n + right + 1];
        for (let k = from; k < to; k++) visit(this.items[k]);
      }
    }
  }

  /** Indices of the points inside a polygon (even-odd rule); polygon: [x0, y0, x1, y1, ...]. */
  function insidePolygon(x, y, polygon, shown) {
    const n = polygon.length / 2;
    const box = bounds(polygon.filter((_, i) => i % 2 === 0), polygon.filter((_, i) => i % 2 === 1));
    const found = [];
    for (let i = 0; i < x.length; i++) {
      const px = x[i], py = y[i];
      if (px < box.x0 || px > box.x1 || py < box.y0 || py > box.y1) continue;
      if (shown && !shown[i]) continue;
      let inside = false;
      for (let a = 0, b = n - 1; a < n; b = a++) {
        const ya = polygon[2 * a + 1], yb = polygon[2 * b + 1];
        if (ya > py === yb > py) continue;
        const xa = polygon[2 * a], xb = polygon[2 * b];
        if (px < xa + ((py - ya) / (yb - ya)) * (xb - xa)) inside = !inside;
      }
      if (inside) found.push(i);
    }
    return Uint32Array.from(found);
  }

  /** Indices of the points inside a box given by two opposite corners, edges included. */
  function insideBox(x, y, ax, ay, bx, by, shown) {
    const x0 = Math.min(ax, bx), x1 = Math.max(ax, bx);
    const y0 = Math.min(ay, by), y1 = Math.max(ay, by);
    const found = [];
    for (let i = 0; i < x.length; i++) {
      if (x[i] < x0 || x[i] > x1 || y[i] < y0 || y[i] > y1) continue;
      if (!shown || shown[i]) found.push(i);
    }
    return Uint32Array.from(found);
  }

  Object.assign(parts, { bounds, Grid, insidePolygon, insideBox });
})();
