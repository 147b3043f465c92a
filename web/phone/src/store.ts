// What the phone keeps, in IndexedDB: the page and the service worker both read and write it.

import type { Otp } from './otp';

export interface PushAccount {
  /** https://login.example.com/appliance-mfa */
  base: string;
  /** What the server calls this phone: dev_… */
  deviceId: string;
  userId: string;
  /** What this phone calls itself towards the server. */
  identifier: string;
  /** Kept as the browser's objects: the private one can sign and cannot be read. */
  keys: CryptoKeyPair;
  service: 'WEBPUSH' | 'NONE';
  /** The subscription that the server knows, as text. */
  token: string;
  /** The server says that it does not know this phone any more. */
  gone?: boolean;
}

export interface Account {
  id: string;
  order: number;
  issuer: string;
  account: string;
  /** What its owner calls it; '' where they did not say. */
  name: string;
  otp: Otp | null;
  push: PushAccount | null;
}

export type RequestState = 'pending' | 'allowed' | 'denied' | 'reported' | 'wrong' | 'expired' | 'elsewhere';

/** A login that waits for an answer. */
export interface LoginRequest {
  /** The challenge: one answer each. */
  id: string;
  accountId: string;
  token: string;
  consentId: string | null;
  /** When the login asked, in milliseconds. */
  at: number;
  until: number;
  /** When this phone heard of it, by its own clock. */
  heard: number;
  application: string;
  browser: string;
  system: string;
  place: string;
  /** The address that the login comes from. */
  ip: string;
  /** The login page shows two digits, which an approval carries. */
  asksNumber: boolean;
  bindingMessage: string;
  state: RequestState;
}

const NAME = 'countersign-authenticator';
const VERSION = 1;
const STORES = ['accounts', 'requests', 'settings'] as const;
type StoreName = (typeof STORES)[number];

let opened: Promise<IDBDatabase> | null = null;

function database(): Promise<IDBDatabase> {
  opened ??= new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, VERSION);
    request.onupgradeneeded = () => {
      for (const store of STORES) request.result.createObjectStore(store, { keyPath: store === 'settings' ? 'key' : 'id' });
    };
    request.onsuccess = () => {
      // Another tab with a newer version must not wait for this one.
      request.result.onversionchange = () => {
        request.result.close();
        opened = null;
      };
      resolve(request.result);
    };
    request.onerror = () => reject(request.error);
  });
  return opened;
}

function answer<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

async function all<T>(store: StoreName): Promise<T[]> {
  return answer((await database()).transaction(store).objectStore(store).getAll() as IDBRequest<T[]>);
}

async function one<T>(store: StoreName, key: string): Promise<T | undefined> {
  return answer((await database()).transaction(store).objectStore(store).get(key) as IDBRequest<T | undefined>);
}

/** Within one transaction: reads, and writes what `change` makes of it (null: removes it). */
async function change<T>(store: StoreName, key: string, make: (old: T | undefined) => T | null | undefined): Promise<T | null | undefined> {
  const transaction = (await database()).transaction(store, 'readwrite', { durability: 'strict' });
  const objects = transaction.objectStore(store);
  const done = new Promise<void>((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = transaction.onerror = () => reject(transaction.error);
  });
  const old = await answer(objects.get(key) as IDBRequest<T | undefined>);
  const made = make(old);
  if (made) objects.put(made);
  else if (made === null && old !== undefined) objects.delete(key);
  await done;
  return made;
}

export async function accounts(): Promise<Account[]> {
  const found = await all<Account>('accounts');
  return found.sort((a, b) => a.order - b.order || (a.id < b.id ? -1 : 1));
}

export function account(id: string): Promise<Account | undefined> {
  return one('accounts', id);
}

/** Adds at the end of the list. */
export async function addAccount(values: Omit<Account, 'id' | 'order'>): Promise<Account> {
  const others = await accounts();
  const added = { ...values, id: crypto.randomUUID(), order: (others.at(-1)?.order ?? 0) + 1 };
  await change<Account>('accounts', added.id, () => added);
  return added;
}

export async function changeAccount(id: string, make: (old: Account) => Account): Promise<Account | null> {
  return (await change<Account>('accounts', id, (old) => (old ? make(old) : undefined))) ?? null;
}

export async function removeAccount(id: string): Promise<void> {
  await change<Account>('accounts', id, () => null);
  for (const request of await requests()) if (request.accountId === id) await change('requests', request.id, () => null);
}

/** Swaps an account with its neighbour: -1 up, 1 down. */
export async function moveAccount(id: string, by: -1 | 1): Promise<void> {
  const list = await accounts();
  const at = list.findIndex((each) => each.id === id);
  const other = at + by;
  if (at < 0 || !list[other]) return;
  [list[at], list[other]] = [list[other]!, list[at]!];
  for (const [order, { id: each }] of list.entries()) await changeAccount(each, (old) => ({ ...old, order }));
}

const REQUESTS_KEPT_MS = 24 * 3600 * 1000;

/** The newest first; those of yesterday are forgotten. */
export async function requests(): Promise<LoginRequest[]> {
  const found = await all<LoginRequest>('requests');
  const oldest = Date.now() - REQUESTS_KEPT_MS;
  for (const { id } of found.filter(({ heard }) => heard < oldest)) await change('requests', id, () => null);
  return found.filter(({ heard }) => heard >= oldest).sort((a, b) => b.heard - a.heard);
}

export function request(id: string): Promise<LoginRequest | undefined> {
  return one('requests', id);
}

/** True where the phone had not heard of it. The same login comes by push and by the event stream. */
export async function addRequest(heard: LoginRequest): Promise<boolean> {
  let isNew = false;
  await change<LoginRequest>('requests', heard.id, (old) => {
    isNew = !old;
    return old ? undefined : heard;
  });
  return isNew;
}

export async function changeRequest(id: string, values: Partial<LoginRequest>): Promise<void> {
  await change<LoginRequest>('requests', id, (old) => (old ? { ...old, ...values } : undefined));
}

interface Setting<T> {
  key: string;
  value: T;
}

export async function setting<T>(key: string, otherwise: T): Promise<T> {
  return (await one<Setting<T>>('settings', key))?.value ?? otherwise;
}

export async function setSetting<T>(key: string, value: T): Promise<void> {
  await change<Setting<T>>('settings', key, () => ({ key, value }));
}
