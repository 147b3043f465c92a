// What every screen needs: the words, what is kept, and the ways to other screens.

import { createContext } from 'preact';
import { useContext, useEffect, useState } from 'preact/hooks';
import type { Found } from '../otpauth';
import type { Account, LoginRequest } from '../store';
import type { Texts } from '../texts';

export type Screen =
  | { name: 'home' }
  | { name: 'add' }
  | { name: 'confirm'; found: Found }
  | { name: 'recovery'; account: Account; code: string }
  | { name: 'request'; id: string }
  | { name: 'account'; id: string }
  | { name: 'settings' }
  | { name: 'backup' }
  | { name: 'lost' };

export interface App {
  t: Texts;
  language: string;
  accounts: Account[];
  requests: LoginRequest[];
  /** Seconds that this device's clock is ahead of the server's. */
  drift: number;
  online: boolean;
  go(screen: Screen): void;
  back(): void;
  home(): void;
  reload(): Promise<void>;
  /** Tells screen readers, and shows for a moment. */
  say(text: string): void;
  setLanguage(language: string): void;
}

export const AppContext = createContext<App>(null as unknown as App);

export const useApp = (): App => useContext(AppContext);

/** The time, anew at each second's beginning. */
export function useNow(): number {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout>;
    const tick = () => {
      setNow(Date.now());
      timer = setTimeout(tick, 1000 - (Date.now() % 1000) + 5);
    };
    tick();
    return () => clearTimeout(timer);
  }, []);
  return now;
}

export const ownBase = (): string => new URL('appliance-mfa', location.href).href;

export function titleOf(account: Account, t: Texts): string {
  return account.name || account.issuer || account.account || t.unnamed;
}
