/* The address of the page keeps what the map shows, so that it can be shared and gone back to:
   at=x,y,zoom, the names chosen in the legend (only=...), and what the map is coloured and filtered
   by.  A change of what is shown is a step of the history, a move of the view is not.
   data-address on the map's Div: {"parameter": ["id of the control", "value that means none"]}. */
(() => {
  "use strict";
  const parts = (window.genlabMapParts ??= {});
  const PAUSE = 250; // ms without a move, after which the view is written

  const short = (v) => String(+v.toPrecision(6));

  class Address {
    constructor(map) {
      this.map = map;
      this.controls = JSON.parse(map.host.dataset.address);
      this.path = location.pathname;
      this.stop = new AbortController();
      const on = (target, type, handler) => target.addEventListener(type, handler, { signal: this.stop.signal });
      on(map.host, "genlab:view", () => {
        clearTimeout(this.waiting);
        this.waiting = setTimeout(() => this.write(), PAUSE);
      });
      on(map.host, "genlab:legend", () => this.write());
      on(map.host, "genlab:colours", () => this.arrived());
      on(map.host, "genlab:points", () => this.arrived());
      on(window, "popstate", () => location.pathname === this.path && this.read());
      this.setControls(new URLSearchParams(location.search));
    }

    destroy() {
      clearTimeout(this.waiting);
      this.stop.abort();
    }

    /** At first what the address says is shown, from then on it follows. */
    arrived() {
      if (!this.map.x.length || !this.map.colours) return;
      const asked = new URLSearchParams(location.search);
      if (!this.ready && this.differs(asked)) return; // the colours asked for are on their way
      if (!this.ready) this.show(asked);
      this.ready = true;
      this.write();
    }

    read() {
      const asked = new URLSearchParams(location.search);
      this.ready = false;
      this.setControls(asked);
      this.arrived();
    }

    /** Parameters of the colours in force. */
    inForce() {
      return new URLSearchParams((this.map.host.dataset.coloursUrl ?? "").split("?")[1]);
    }

    /** Whether the controls stand otherwise than an address asks. */
    differs(asked) {
      const now = this.inForce(), plain = (name, value) => (value === this.controls[name][1] ? "" : value ?? "");
      return Object.keys(this.controls).some((name) => plain(name, asked.get(name)) !== plain(name, now.get(name)));
    }

    setControls(asked) {
      if (!this.differs(asked)) return;
      for (const [name, [id, none]] of Object.entries(this.controls)) {
        window.dash_clientside?.set_props?.(id, { value: asked.get(name) ?? none });
      }
    }

    show(asked) {
      const [x, y, zoom] = (asked.get("at") ?? "").split(",").map(Number);
      if ([x, y, zoom].every(Number.isFinite)) this.map.lookAt({ x, y, zoom });
      else this.map.resetView();
      this.map.showOnly(asked.has("only") ? asked.getAll("only") : null);
    }

    write() {
      if (!this.ready || location.pathname !== this.path) return;
      const { map } = this, now = this.inForce();
      const next = new URLSearchParams(location.search);
      for (const [name, [, none]] of Object.entries(this.controls)) {
        const value = now.get(name) ?? "";
        if (value && value !== none) next.set(name, value);
        else next.delete(name);
      }
      next.delete("only");
      for (const name of map.only ?? []) next.append("only", name);
      const before = new URLSearchParams(location.search);
      const moved = map.camera.zoom !== 1 || map.camera.tx || map.camera.ty;
      next.delete("at");
      before.delete("at");
      before.sort();
      next.sort();
      const step = next.toString() !== before.toString();
      const { x, y, zoom } = map.centre();
      if (moved) next.set("at", [x, y, zoom].map(short).join(","));
      const query = next.toString(), url = query ? `${this.path}?${query}` : this.path;
      if (url === location.pathname + location.search) return;
      history[step ? "pushState" : "replaceState"](history.state, "", url);
    }
  }

  Object.assign(parts, { Address });
})();
