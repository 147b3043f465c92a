// Logins that wait for this phone: how it hears of them, and how it answers.

import { consent, events, GuardianError, pending, readRequest, resolve, type Answer } from './guardian';
import { readEvents, type ServerEvent } from './sse';
import { account, accounts, addRequest, changeAccount, changeRequest, request, requests, type Account, type LoginRequest, type RequestState } from './store';

/** A stream that says nothing for longer than two heartbeats of the server is dead, whatever the browser believes. */
const SILENCE_MS = 60_000;
const POLL_MS = 5_000;
const LONGEST_WAIT_MS = 60_000;

/** Takes what was pushed or streamed; the login where it is news. */
export async function take(payload: unknown): Promise<LoginRequest | null> {
  const heard = readRequest(payload, await accounts());
  if (!heard || heard.until < Date.now() || !(await addRequest(heard))) return null;
  return heard;
}

/** Takes a push: the login that it is about while that waits for an answer, whether or not the stream told of it before. */
export async function takePush(payload: unknown): Promise<LoginRequest | null> {
  await take(payload);
  const heard = readRequest(payload, await accounts());
  const kept = heard && (await request(heard.id));
  return kept?.state === 'pending' && kept.until > Date.now() ? kept : null;
}

/** Adds what the consent says, where there is one to fetch. */
export async function withConsent(heard: LoginRequest): Promise<LoginRequest> {
  const owner = await account(heard.accountId);
  if (!owner?.push || !heard.consentId) return heard;
  const details = await consent(owner.push, heard);
  if (!details) return heard;
  await changeRequest(heard.id, { bindingMessage: details.bindingMessage });
  return { ...heard, bindingMessage: details.bindingMessage };
}

export type Outcome = RequestState | 'network' | 'unknown' | 'gone';

function outcomeOf(error: unknown, heard: LoginRequest): Outcome {
  if (!(error instanceof GuardianError)) return 'unknown';
  const { status, code } = error;
  if (code === 'network') return 'network';
  if (code === 'enrollment_not_found' || code === 'device_account_not_found') return 'gone';
  // A wrong number refuses the login, so that it cannot be guessed.
  if (status === 403) return 'wrong';
  if (status === 401) return 'expired';
  if (status === 404 || status === 409) return Date.now() >= heard.until ? 'expired' : 'elsewhere';
  return 'unknown';
}

/** Logins whose answer is on its way: that the server lists them no more is our doing. */
const answering = new Set<string>();

/** Sends the answer of this person; what became of it is kept with the login. */
export async function answer(id: string, given: Answer & { report?: boolean }): Promise<Outcome> {
  const heard = await request(id);
  const owner = heard && (await account(heard.accountId));
  if (!heard || !owner?.push) return 'gone';
  if (heard.state !== 'pending') return heard.state;
  answering.add(id);
  let outcome: Outcome = given.accepted ? 'allowed' : given.report ? 'reported' : 'denied';
  try {
    await resolve(owner.push, heard, given.report ? { ...given, reason: 'hack' } : given);
  } catch (error) {
    outcome = outcomeOf(error, heard);
  } finally {
    answering.delete(id);
  }
  if (outcome === 'gone') await changeAccount(owner.id, (old) => ({ ...old, push: old.push && { ...old.push, gone: true } }));
  if (outcome !== 'network' && outcome !== 'unknown')
    await changeRequest(id, { state: outcome === 'gone' ? 'expired' : outcome });
  return outcome;
}

function wait(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => (clearTimeout(timer), resolve()), { once: true });
  });
}

/** Reads one stream to its end; whether anything came through it. */
async function readStream(owner: Account, signal: AbortSignal, heard: (login: LoginRequest) => void): Promise<boolean> {
  const stop = new AbortController();
  const abort = () => stop.abort();
  signal.addEventListener('abort', abort, { once: true });
  let timer = setTimeout(abort, SILENCE_MS);
  let cameThrough = false;
  const alive = () => {
    cameThrough = true;
    clearTimeout(timer);
    timer = setTimeout(abort, SILENCE_MS);
  };
  try {
    const response = await events(owner.push!, stop.signal);
    if (response.status === 404 || response.status === 401) throw new GuardianError(response.status, 'enrollment_not_found');
    if (!response.ok || !response.body) return false;
    await readEvents(response, (event) => void takeEvent(owner, event, heard), alive);
  } catch (error) {
    if (error instanceof GuardianError) throw error;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', abort);
  }
  return cameThrough;
}

/** `open` carries all logins that wait for this phone; which of those known here are not among them were answered elsewhere. */
async function takeOpen(owner: Account, open: unknown[], heard: (login: LoginRequest) => void): Promise<void> {
  for (const payload of open) {
    const login = await take(payload);
    if (login) heard(login);
  }
  const waiting = new Set(open.map((payload) => (payload as { c?: unknown } | null)?.c));
  for (const login of await requests()) {
    if (login.accountId !== owner.id || login.state !== 'pending' || waiting.has(login.id) || answering.has(login.id)) continue;
    const state = login.until <= Date.now() ? 'expired' : 'elsewhere';
    await changeRequest(login.id, { state });
    heard({ ...login, state });
  }
}

async function takeEvent(owner: Account, { event, data }: ServerEvent, heard: (login: LoginRequest) => void): Promise<void> {
  if (event !== 'open') return;
  let open;
  try {
    open = JSON.parse(data);
  } catch {
    return;
  }
  if (Array.isArray(open)) await takeOpen(owner, open, heard);
}

/** Listens for one account until `signal`: by its stream, and where streams do not come through by asking. */
export async function listen(owner: Account, signal: AbortSignal, heard: (login: LoginRequest) => void): Promise<void> {
  let delay = 1000;
  while (!signal.aborted) {
    try {
      const cameThrough = await readStream(owner, signal, heard);
      if (cameThrough) delay = 1000;
      if (signal.aborted) return;
      if (!cameThrough) {
        await takeOpen(owner, await pending(owner.push!), heard);
        delay = POLL_MS;
      }
    } catch (error) {
      if (error instanceof GuardianError && error.status === 404) return void (await markGone(owner));
      delay = Math.min(delay * 2, LONGEST_WAIT_MS);
    }
    await wait(delay, signal);
  }
}

function markGone(owner: Account): Promise<unknown> {
  return changeAccount(owner.id, (old) => ({ ...old, push: old.push && { ...old.push, gone: true } }));
}
