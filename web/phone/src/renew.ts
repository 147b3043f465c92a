// In the service worker: a subscription that the push service replaced is made known to the server that has the old one.

import { updateCredentials } from './guardian';
import { accounts, changeAccount } from './store';

interface Change {
  oldSubscription?: PushSubscription | null;
  newSubscription?: PushSubscription | null;
}

export async function renew(registration: ServiceWorkerRegistration, { oldSubscription: old, newSubscription }: Change): Promise<void> {
  if (!old) return;
  const fresh = newSubscription ?? (await registration.pushManager.subscribe(old.options as PushSubscriptionOptionsInit));
  const token = JSON.stringify(fresh);
  for (const { id, push } of await accounts()) {
    if (!push || push.gone || !push.token.includes(JSON.stringify(old.endpoint))) continue;
    await updateCredentials(push, { service: 'WEBPUSH', token });
    await changeAccount(id, (kept) => ({ ...kept, push: kept.push && { ...kept.push, token } }));
  }
}
