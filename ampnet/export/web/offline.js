// Keeps the page's files, so that it opens without a network after the first time. The first line is written by `ampnet export`.

// A host has one store of caches for all its pages, of which several may be ampnet's: each keeps to its own.
const OURS = `ampnet ${registration.scope} `;
const KEPT = OURS + VERSION;

addEventListener("install", (event) => {
  skipWaiting();
  // What the browser keeps for a while may be of the page's last version: the host is asked.
  const files = FILES.map((file) => new Request(file, { cache: "no-cache" }));
  event.waitUntil(caches.open(KEPT).then((cache) => cache.addAll(files)));
});
addEventListener("activate", (event) => {
  const drop = (names) => Promise.all(names.filter((name) => name.startsWith(OURS) && name !== KEPT).map((name) => caches.delete(name)));
  event.waitUntil(caches.keys().then(drop).then(() => clients.claim()));
});
addEventListener("fetch", (event) => {
  event.respondWith(caches.match(event.request, { ignoreSearch: true, cacheName: KEPT }).then((kept) => kept ?? fetch(event.request)));
});
