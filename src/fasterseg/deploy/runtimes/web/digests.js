// SHA-256 and canonical JSON, as fasterseg's Python has them.  The browser's own SHA-256 is not
// there on a page that came over plain http, so this one is written out (FIPS 180-4).
"use strict";

(() => {
  const ROOTS = primes(64).map((prime) => fraction(Math.cbrt(prime)));
  const START = primes(8).map((prime) => fraction(Math.sqrt(prime)));

  function primes(count) {
    const found = [];
    for (let number = 2; found.length < count; number += 1) {
      if (found.every((prime) => number % prime)) found.push(number);
    }
    return found;
  }

  function fraction(root) {
    return Math.floor((root - Math.floor(root)) * 2 ** 32) | 0;
  }

  const turned = (word, by) => (word >>> by) | (word << (32 - by));

  // The bytes, a one, zeros, and the number of bits: whole blocks of 64 bytes.
  function padded(bytes) {
    const blocks = new Uint8Array(Math.ceil((bytes.length + 9) / 64) * 64);
    blocks.set(bytes);
    blocks[bytes.length] = 0x80;
    const view = new DataView(blocks.buffer);
    view.setUint32(blocks.length - 8, Math.floor(bytes.length / 2 ** 29));
    view.setUint32(blocks.length - 4, (bytes.length * 8) >>> 0);
    return view;
  }

  function schedule(view, at, words) {
    for (let i = 0; i < 16; i += 1) words[i] = view.getInt32(at + 4 * i);
    for (let i = 16; i < 64; i += 1) {
      const early = words[i - 15];
      const late = words[i - 2];
      const first = turned(early, 7) ^ turned(early, 18) ^ (early >>> 3);
      const second = turned(late, 17) ^ turned(late, 19) ^ (late >>> 10);
      words[i] = words[i - 16] + first + words[i - 7] + second;
    }
  }

  function mixInto(state, words) {
    let [a, b, c, d, e, f, g, h] = state;
    for (let i = 0; i < 64; i += 1) {
      const chosen = (e & f) ^ (~e & g);
      const most = (a & b) ^ (a & c) ^ (b & c);
      const ofE = turned(e, 6) ^ turned(e, 11) ^ turned(e, 25);
      const ofA = turned(a, 2) ^ turned(a, 13) ^ turned(a, 22);
      const first = (h + ofE + chosen + ROOTS[i] + words[i]) | 0;
      [h, g, f, e, d, c, b, a] = [g, f, e, (d + first) | 0, c, b, a, (first + ofA + most) | 0];
    }
    [a, b, c, d, e, f, g, h].forEach((word, i) => { state[i] += word; });
  }

  // "sha256:" and 64 hexadecimal digits, of a Uint8Array.
  function sha256(bytes) {
    const view = padded(bytes);
    const state = Int32Array.from(START);
    const words = new Int32Array(64);
    for (let at = 0; at < view.byteLength; at += 64) {
      schedule(view, at, words);
      mixInto(state, words);
    }
    const hex = [...state].map((word) => (word >>> 0).toString(16).padStart(8, "0"));
    return `sha256:${hex.join("")}`;
  }

  // The one text that stands for a JSON value: keys sorted, no blanks, all of it in ASCII.  Numbers
  // are whole ones, which every language writes alike; any other is an error.
  function canonicalJson(value) {
    if (typeof value === "number" && !Number.isSafeInteger(value)) {
      throw new TypeError(`${value} is no whole number`);
    }
    if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
    if (value !== null && typeof value === "object") {
      const inside = Object.keys(value).sort(byCodePoint).map(
        (key) => `${canonicalJson(key)}:${canonicalJson(value[key])}`,
      );
      return `{${inside.join(",")}}`;
    }
    if (Object.is(value, -0)) return "0";
    return JSON.stringify(value).replace(
      /[\u007f-\uffff]/g,
      (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, "0")}`,
    );
  }

  // Python sorts texts by code points, JavaScript by halves of them.
  function byCodePoint(one, other) {
    const [a, b] = [[...one], [...other]];
    for (let i = 0; i < Math.min(a.length, b.length); i += 1) {
      const step = a[i].codePointAt(0) - b[i].codePointAt(0);
      if (step) return step;
    }
    return a.length - b.length;
  }

  const digestOfValue = (value) => sha256(new TextEncoder().encode(canonicalJson(value)));

  globalThis.fasterseg = { ...globalThis.fasterseg, sha256, canonicalJson, digestOfValue };
})();
