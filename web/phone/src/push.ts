// Web Push: one subscription for each server, as a subscription belongs to one sender's key. A service worker registration
// holds one subscription, so each server has a registration of the same worker under a path of its own.

import { fromBase64 } from './base64';
import { tenantInfo, updateCredentials, type PushCredentials } from './guardian';
import { sha256 } from './jwt';
import { accounts, changeAccount } from './store';
import { scriptUrl } from './trusted';

const NO_PUSH: PushCredentials = { service: 'NONE', token: '' };
const WAIT_MS = 10_000;

export function canPush(): boolean {
  return 'serviceWorker' in navigator && 'PushManager' in globalThis && 'Notification' in globalThis;
}

async function registrationFor(base: string): Promise<ServiceWorkerRegistration> {
  const scope = `phone/push/${(await sha256(base)).slice(0, 16)}/`;
  const registration = await navigator.serviceWorker.register(scriptUrl('phone/sw.js'), { scope });
  const worker = registration.active ?? registration.waiting ?? registration.installing;
  if (worker && worker.state !== 'activated')
    await new Promise<void>((resolve) =>
      worker.addEventListener('statechange', () => {
        if (worker.state === 'activated' || worker.state === 'redundant') resolve();
      }),
    );
  return registration;
}

function late<T>(promise: Promise<T>, otherwise: T): Promise<T> {
  return Promise.race([promise, new Promise<T>((resolve) => setTimeout(resolve, WAIT_MS, otherwise))]);
}

async function subscribe(base: string): Promise<PushCredentials> {
  if (!canPush() || Notification.permission !== 'granted') return NO_PUSH;
  const { vapidKey } = await tenantInfo(base);
  if (!vapidKey) return NO_PUSH;
  const { pushManager } = await registrationFor(base);
  const wanted = fromBase64(vapidKey);
  const old = await pushManager.getSubscription();
  const has = old?.options?.applicationServerKey;
  // Another key than the server's: nothing that it sends would come through.
  if (old && has && String(new Uint8Array(has)) !== String(wanted)) await old.unsubscribe();
  const subscription = await pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: wanted });
  return { service: 'WEBPUSH', token: JSON.stringify(subscription) };
}

/** How that server reaches this browser when the app is closed; never fails, and never waits for long. */
export function credentials(base: string): Promise<PushCredentials> {
  return late(subscribe(base), NO_PUSH).catch(() => NO_PUSH);
}

/** What was answered in the app asks no more on the lock screen. */
export async function closeNotification(tag: string): Promise<void> {
  for (const registration of (await navigator.serviceWorker?.getRegistrations()) ?? [])
    for (const notification of await registration.getNotifications({ tag })) notification.close();
}

/** Tells the servers of a subscription that changed, or that came since (a permission given later). */
export async function renewCredentials(): Promise<void> {
  for (const { id, push } of await accounts()) {
    if (!push || push.gone) continue;
    const wanted = await credentials(push.base);
    if (wanted.service === push.service && wanted.token === push.token) continue;
    // Nothing better than what the server has: a push service that is out of reach now may be back.
    if (wanted.service === 'NONE' && canPush() && Notification.permission === 'granted') continue;
    try {
      await updateCredentials(push, wanted);
      await changeAccount(id, (old) => ({ ...old, push: old.push && { ...old.push, ...wanted } }));
    } catch {
      // The next start of the app tries again.
    }
  }
}
