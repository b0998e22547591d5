/* Where the map is looked at: fitted to the element, then zoomed and moved by the person. */
(() => {
  "use strict";
  const parts = (window.genlabMapParts ??= {});
  const PADDING = 28;
  const WIDE = 820; // from this width on the tools and the legend get a margin of their own
  const LEFT = 190;
  const [ZOOM_MIN, ZOOM_MAX] = [0.5, 400];
  const KEEP = 60; // CSS pixels of the map that always stay in sight

  const left = (width) => (width >= WIDE ? LEFT : PADDING);
  const middle = (width) => (width + left(width) - PADDING) / 2;

  class Camera {
    constructor() {
      this.reset();
    }

    reset() {
      [this.zoom, this.tx, this.ty] = [1, 0, 0];
    }

    /** screen x = x0 + scale * x, screen y = y0 - scale * y, in CSS pixels. */
    view({ x0, x1, y0, y1 }, width, height) {
      const fit = Math.min((width - left(width) - PADDING) / (x1 - x0 || 1), (height - 2 * PADDING) / (y1 - y0 || 1));
      const scale = Math.max(fit, 1e-6) * this.zoom;
      return {
        scale,
        x0: middle(width) + this.tx - (scale * (x0 + x1)) / 2,
        y0: height / 2 + this.ty + (scale * (y0 + y1)) / 2,
      };
    }

    /** Zoom by a factor; the place (sx, sy) of the screen stays where it is. */
    zoomBy(factor, sx, sy, width, height) {
      const zoom = Math.max(ZOOM_MIN, Math.min(ZOOM_MAX, this.zoom * factor));
      const f = zoom / this.zoom, cx = sx - middle(width), cy = sy - height / 2;
      this.zoom = zoom;
      this.panBy(cx - (cx - this.tx) * f - this.tx, cy - (cy - this.ty) * f - this.ty, width, height);
    }

    panBy(dx, dy, width, height) {
      const limitX = (width * (this.zoom + 1)) / 2 - KEEP, limitY = (height * (this.zoom + 1)) / 2 - KEEP;
      this.tx = Math.max(-limitX, Math.min(limitX, this.tx + dx));
      this.ty = Math.max(-limitY, Math.min(limitY, this.ty + dy));
    }

    /** Put a point of the data in the middle, enlarged by a factor. */
    centre(x, y, zoom, extent, width, height) {
      this.zoom = Math.max(ZOOM_MIN, Math.min(ZOOM_MAX, zoom));
      this.tx = this.ty = 0;
      const { scale, x0, y0 } = this.view(extent, width, height);
      this.tx = width / 2 - (x0 + scale * x);
      this.ty = height / 2 - (y0 - scale * y);
    }
  }

  Object.assign(parts, { Camera, WIDE });
})();
