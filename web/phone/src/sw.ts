// The service worker: the app without a network, and logins that ask while it is closed.

import { answer, takePush } from './requests';
import { renew } from './renew';
import { account, request, setting } from './store';
import { languageOf, textsOf } from './texts';

declare const self: ServiceWorkerGlobalScope;
declare const ASSETS: string[];
declare const VERSION: string;

const CACHE = `countersign-${VERSION}`;
const root = new URL('../', self.location.href);
const page = new URL('phone', root).href;
const assets = ASSETS.map((name) => new URL(`phone/${name}`, root).href);

self.addEventListener('install', (event) => {
  const fill = async () => {
    const cache = await caches.open(CACHE);
    await cache.addAll([page, ...assets].map((url) => new Request(url, { cache: 'no-cache' })));
    await self.skipWaiting();
  };
  event.waitUntil(fill());
});

self.addEventListener('activate', (event) => {
  const tidy = async () => {
    for (const name of await caches.keys()) if (name.startsWith('countersign-') && name !== CACHE) await caches.delete(name);
    await self.clients.claim();
  };
  event.waitUntil(tidy());
});

async function fromCache(url: string, request: Request): Promise<Response> {
  const kept = await (await caches.open(CACHE)).match(url);
  return kept ?? fetch(request);
}

self.addEventListener('fetch', (event) => {
  if (event.request.method !== 'GET') return;
  const url = new URL(event.request.url);
  url.hash = '';
  url.search = '';
  if (url.href === page || assets.includes(url.href)) event.respondWith(fromCache(url.href, event.request));
});

function payloadOf(event: PushEvent): unknown {
  try {
    return event.data?.json() ?? null;
  } catch {
    return null;
  }
}

async function words() {
  return textsOf(languageOf(await setting('language', ''), self.navigator.languages));
}

async function windows(): Promise<readonly WindowClient[]> {
  const found = await self.clients.matchAll({ type: 'window', includeUncontrolled: true });
  return found.filter(({ url }) => url.split('#')[0] === page);
}

async function tell(id: string): Promise<void> {
  for (const client of await windows()) client.postMessage({ request: id });
}

self.addEventListener('push', (event) => {
  const show = async () => {
    const t = await words();
    const login = await takePush(payloadOf(event));
    if (!login) {
      // Browsers take the right to push from who shows nothing; what was answered, or has ended, asks for no answer.
      const options = { tag: 'nothing', body: t.notification_nothing, silent: true, icon: icon('icon-192.png'), badge: icon('badge.png') };
      return self.registration.showNotification(t.app, options);
    }
    const owner = await account(login.accountId);
    const where = [login.browser, login.place].filter(Boolean).join(', ');
    const body = [owner?.name || owner?.account, where].filter(Boolean).join('\n');
    const title = t.notification_title.replace('{name}', login.application || owner?.issuer || t.app);
    await self.registration.showNotification(title, {
      body,
      tag: login.id,
      data: { request: login.id },
      requireInteraction: true,
      icon: icon('icon-192.png'),
      badge: icon('badge.png'),
      // No "Allow": it takes the number that the login shows, and so the app.
      actions: [
        { action: 'open', title: t.notification_open },
        { action: 'deny', title: t.deny },
      ],
    } as NotificationOptions);
    await tell(login.id);
  };
  event.waitUntil(show());
});

function icon(name: string): string {
  return new URL(`phone/${name}`, root).href;
}

async function open(id: string): Promise<void> {
  const [client] = await windows();
  if (client) {
    client.postMessage({ request: id, open: true });
    await client.focus();
  } else {
    await self.clients.openWindow(`${page}#request=${encodeURIComponent(id)}`);
  }
}

self.addEventListener('notificationclick', (event) => {
  event.notification.close();
  const id = event.notification.data?.request;
  const act = async () => {
    if (typeof id !== 'string' || !(await request(id))) return open('');
    if (event.action !== 'deny') return open(id);
    const outcome = await answer(id, { accepted: false });
    if (outcome === 'denied') await tell(id);
    else await open(id);
  };
  event.waitUntil(act());
});

// The push service gave the browser another subscription.
self.addEventListener('pushsubscriptionchange', (event) => {
  (event as ExtendableEvent).waitUntil(renew(self.registration, event as Event & { oldSubscription?: PushSubscription; newSubscription?: PushSubscription }));
});
