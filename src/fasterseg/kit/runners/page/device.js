// The device as its browser tells of it, which is little.
"use strict";

(() => {
  const MOST_TEXT = 200;
  const short = (text) => String(text || "").replace(/[^\x20-\x7e\u00a0-\uffff]/g, " ")
    .slice(0, MOST_TEXT);

  async function deviceFacts() {
    const told = await highEntropy();
    const memory = navigator.deviceMemory; // in GiB, rounded by the browser
    return {
      name: short(told.model || told.platform || navigator.platform || "a browser"),
      processor: short([told.architecture, told.bitness].filter(Boolean).join(" ") || "not told"),
      cores: navigator.hardwareConcurrency || 1,
      memory_bytes: memory ? Math.round(memory * 2 ** 30) : null,
      system: short([told.platform, told.platformVersion].filter(Boolean).join(" ")
        || navigator.platform || "not told"),
      language: short(told.uaFullVersion ? `${browser()} ${told.uaFullVersion}` : navigator.userAgent),
      governor: null,
      temperature_mc: null,
      frequency_khz: null,
    };
  }

  function browser() {
    const brands = navigator.userAgentData.brands.map(({ brand }) => brand);
    return brands.find((brand) => !/not.?a.?brand|^chromium$/i.test(brand)) || "Chromium";
  }

  async function highEntropy() {
    const wanted = ["architecture", "bitness", "model", "platformVersion", "uaFullVersion"];
    try {
      return await navigator.userAgentData.getHighEntropyValues(wanted);
    } catch {
      return {}; // this browser tells no more than its name
    }
  }

  globalThis.fasterseg = { ...globalThis.fasterseg, deviceFacts };
})();
