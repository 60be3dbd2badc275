// Median and percentiles as fasterseg's Python has them.
"use strict";

(() => {
  const sorted = (values) => Float64Array.from(values).sort();

  // Linear between neighbours.
  function percentile(values, percent) {
    const ordered = sorted(values);
    const place = ((ordered.length - 1) * percent) / 100;
    const below = Math.floor(place);
    const above = Math.min(below + 1, ordered.length - 1);
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below);
  }

  function median(values) {
    const ordered = sorted(values);
    const half = ordered.length >> 1;
    return ordered.length % 2 ? ordered[half] : (ordered[half - 1] + ordered[half]) / 2;
  }

  globalThis.fasterseg = { ...globalThis.fasterseg, percentile, median };
})();
