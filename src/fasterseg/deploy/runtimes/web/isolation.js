// The service worker of `isolating.js`: whatever the page's own server sends gets two headers.
"use strict";

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
self.addEventListener("fetch", (event) => {
  if (new URL(event.request.url).origin === location.origin) {
    event.respondWith(withHeaders(event.request));
  }
});

async function withHeaders(request) {
  const found = await fetch(request);
  const headers = new Headers(found.headers);
  headers.set("Cross-Origin-Opener-Policy", "same-origin");
  headers.set("Cross-Origin-Embedder-Policy", "require-corp");
  headers.set("Cross-Origin-Resource-Policy", "same-origin");
  const { status, statusText } = found;
  return new Response(found.body, { status, statusText, headers });
}
