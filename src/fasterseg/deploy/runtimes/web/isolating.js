// A page may use several threads where its server sends two headers, which simple file servers do
// not.  On localhost and over https a service worker adds them to what that server sends.
"use strict";

(() => {
  const TRIED = "fasterseg-isolated";

  // Whether the page is about to load anew, isolated; at most one such try in a tab.
  async function isolate() {
    const possible = isSecureContext && "serviceWorker" in navigator
      && location.protocol.startsWith("http");
    if (crossOriginIsolated || !possible || sessionStorage.getItem(TRIED)) return false;
    sessionStorage.setItem(TRIED, "yes");
    try {
      await navigator.serviceWorker.register("isolation.js");
      await navigator.serviceWorker.ready;
    } catch {
      return false; // a browser that is set to keep nothing; the page has one thread
    }
    location.reload();
    return true;
  }

  globalThis.fasterseg = { ...globalThis.fasterseg, isolate };
})();
