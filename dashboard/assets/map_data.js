/* The binary payload of the map routes (written by dashboard/figures/map_payload.py):
   uint32 header length (little-endian) | JSON header, padded | blocks, each 8-byte aligned. */
(() => {
  "use strict";
  const parts = (window.genlabMapParts ??= {});
  const FORMAT = "genlab-map/1";
  const TYPES = { f4: Float32Array, u1: Uint8Array, u2: Uint16Array };

  /** Decode one body: the header's fields plus one typed array (or list) per block. */
  function decode(buffer) {
    if (buffer.byteLength < 4) throw new Error(`expected ${FORMAT}, found ${buffer.byteLength} bytes`);
    const length = new DataView(buffer).getUint32(0, true);
    let header;
    try {
      header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
    } catch {
      throw new Error(`expected a ${FORMAT} body, found something else`);
    }
    if (header.format !== FORMAT) throw new Error(`expected ${FORMAT}, found ${header.format}`);
    const body = { ...header };
    for (const block of header.blocks) {
      const at = 4 + length + block.offset;
      if (block.type === "json") {
        body[block.name] = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, at, block.length)));
      } else {
        body[block.name] = new TYPES[block.type](buffer, at, block.length);
      }
    }
    return body;
  }

  /** Fetch and decode; the error message is a sentence a person can read. */
  async function fetchBody(url, signal) {
    const response = await fetch(url, { signal, headers: { Accept: "application/octet-stream" } });
    if (!response.ok) throw new Error(`the server answered ${response.status} ${response.statusText}`);
    return decode(await response.arrayBuffer());
  }

  const probe = document.createElement("canvas").getContext("2d");

  /** A CSS colour as [r, g, b]; grey where it is not a colour. */
  function rgb(colour) {
    probe.fillStyle = "#808080";
    probe.fillStyle = colour;
    const hex = /^#([0-9a-f]{6})$/i.exec(probe.fillStyle);
    if (!hex) return [128, 128, 128];
    const n = parseInt(hex[1], 16);
    return [n >> 16, (n >> 8) & 255, n & 255];
  }

  const pack = ([r, g, b]) => ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0;

  /** 256 packed colours along a list of CSS colours. */
  function ramp(scale) {
    const stops = scale.map(rgb);
    return Uint32Array.from({ length: 256 }, (_, k) => {
      const t = (k / 255) * (stops.length - 1);
      const a = Math.min(Math.floor(t), stops.length - 1), b = Math.min(a + 1, stops.length - 1);
      return pack(stops[a].map((v, c) => Math.round(v + (stops[b][c] - v) * (t - a))));
    });
  }

  /** One packed colour per point; unknown (no category, NaN) gets the packed grey. */
  function pointColours(colours, count, grey) {
    const out = new Uint32Array(count).fill(grey);
    if (!colours) return out;
    if (colours.kind === "category") {
      const palette = Uint32Array.from(colours.palette, (c) => pack(rgb(c)));
      for (let i = 0; i < count; i++) {
        const k = colours.index[i];
        if (k < palette.length) out[i] = palette[k];
      }
      return out;
    }
    const table = ramp(colours.scale);
    const span = colours.max - colours.min || 1;
    for (let i = 0; i < count; i++) {
      const t = (colours.value[i] - colours.min) / span;
      if (t === t) out[i] = table[Math.max(0, Math.min(255, Math.round(t * 255)))];
    }
    return out;
  }

  /** 1 for each point that the filter and the chosen names of the legend leave; null for all. */
  function shownOf(colours, only) {
    if (!only || colours.kind !== "category") return colours.shown ?? null;
    const kept = Uint8Array.from([...colours.names, ""], (name) => (only.has(name) ? 1 : 0));
    return Uint8Array.from(colours.index, (k, i) => kept[Math.min(k, colours.names.length)] & (colours.shown?.[i] ?? 1));
  }

  Object.assign(parts, { shownOf, decode, fetchBody, rgb, pack, pointColours });
})();
