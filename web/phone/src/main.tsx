// The app: which screen is shown, what it is given, and what it listens to.

import { render } from 'preact';
import { useCallback, useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { read } from './otpauth';
import { renewCredentials } from './push';
import { listen } from './requests';
import { accounts as keptAccounts, requests as keptRequests, setSetting, setting, type Account, type LoginRequest } from './store';
import { languageOf, textsOf } from './texts';
import { scriptUrl } from './trusted';
import { AccountPage } from './ui/account';
import { Add, Confirm, Recovery } from './ui/add';
import { AppContext, ownBase, useApp, type App, type Screen } from './ui/context';
import { Home } from './ui/home';
import './ui/install';
import { Icon, Mark } from './ui/parts';
import { Request } from './ui/request';
import { Backup, Lost, Settings } from './ui/settings';

const HOME: Screen = { name: 'home' };

function Shown({ screen }: { screen: Screen }) {
  switch (screen.name) {
    case 'home':
      return <Home />;
    case 'add':
      return <Add />;
    case 'confirm':
      return <Confirm found={screen.found} />;
    case 'recovery':
      return <Recovery code={screen.code} />;
    case 'request':
      return <Request id={screen.id} />;
    case 'account':
      return <AccountPage id={screen.id} />;
    case 'settings':
      return <Settings />;
    case 'backup':
      return <Backup />;
    case 'lost':
      return <Lost />;
  }
}

/** Screens lie on one another as pages of a browser do; what they hold stays in memory, as some of it is secret. */
function useScreens() {
  const [stack, setStack] = useState<Screen[]>([HOME]);
  const depth = useRef(0);
  useEffect(() => {
    history.replaceState({ depth: 0 }, '');
    const move = (event: PopStateEvent) => {
      depth.current = event.state?.depth ?? 0;
      setStack((old) => old.slice(0, depth.current + 1));
    };
    addEventListener('popstate', move);
    return () => removeEventListener('popstate', move);
  }, []);
  const go = useCallback((screen: Screen) => {
    depth.current++;
    history.pushState({ depth: depth.current }, '');
    setStack((old) => [...old.slice(0, depth.current), screen]);
  }, []);
  const back = useCallback(() => (depth.current > 0 ? history.back() : undefined), []);
  const home = useCallback(() => {
    setStack([HOME]);
    if (depth.current > 0) history.go(-depth.current);
  }, []);
  return { screen: stack.at(-1)!, go, back, home };
}

function useKept() {
  const [accounts, setAccounts] = useState<Account[] | null>(null);
  const [requests, setRequests] = useState<LoginRequest[]>([]);
  const reload = useCallback(async () => {
    const [a, r] = await Promise.all([keptAccounts(), keptRequests()]);
    setAccounts(a);
    setRequests(r);
  }, []);
  useEffect(() => void reload(), []);
  return { accounts, requests, reload };
}

/** Listens to the servers while the app is looked at. */
function useListening(accounts: Account[] | null, reload: () => Promise<void>, open: (id: string) => void) {
  const ids = (accounts ?? []).filter(({ push }) => push && !push.gone).map(({ id }) => id);
  useEffect(() => {
    let stop = new AbortController();
    const start = () => {
      stop.abort();
      stop = new AbortController();
      if (document.visibilityState !== 'visible') return;
      for (const account of accounts ?? [])
        if (ids.includes(account.id))
          void listen(account, stop.signal, async (login) => {
            await reload();
            if (login.state === 'pending') open(login.id);
          }).then(reload);
    };
    start();
    document.addEventListener('visibilitychange', start);
    addEventListener('online', start);
    return () => {
      stop.abort();
      document.removeEventListener('visibilitychange', start);
      removeEventListener('online', start);
    };
  }, [ids.join()]);
}

/** Seconds that this device's clock is ahead of the server's, as far as the server's Date header tells. */
async function measureDrift(): Promise<number> {
  const before = Date.now();
  const response = await fetch('phone', { method: 'HEAD', cache: 'no-store' });
  const after = Date.now();
  const server = Date.parse(response.headers.get('date') ?? '');
  // The header has whole seconds: its middle is the best guess.
  return Number.isNaN(server) ? 0 : Math.round(((before + after) / 2 - server - 500) / 1000);
}

function useSurroundings() {
  const [online, setOnline] = useState(navigator.onLine);
  const [drift, setDrift] = useState(0);
  useEffect(() => {
    const look = () => {
      setOnline(navigator.onLine);
      // A browser may take a network for one that leads nowhere: what counts is whether the server is reached.
      if (navigator.onLine && document.visibilityState === 'visible') measureDrift().then(setDrift, () => setOnline(false));
    };
    look();
    addEventListener('online', look);
    addEventListener('offline', look);
    document.addEventListener('visibilitychange', look);
  }, []);
  return { online, drift };
}

/** What the address says after its #: a code to add, or a login to answer. It is taken out of the address at once. */
function takeHash(): { text: string } | { request: string } | null {
  const hash = location.hash.slice(1);
  if (hash === '') return null;
  history.replaceState(history.state, '', location.pathname);
  const request = /^request=(.+)$/.exec(hash);
  if (request) return { request: decodeURIComponent(request[1]!) };
  return { text: location.origin + location.pathname + '#' + hash };
}

function useArrivals(go: App['go'], reload: App['reload'], isReady: boolean) {
  const [problem, setProblem] = useState('');
  useEffect(() => {
    if (!isReady) return;
    const arrive = () => {
      const arrived = takeHash();
      if (!arrived) return;
      if ('request' in arrived) return go({ name: 'request', id: arrived.request });
      const found = read(arrived.text, ownBase());
      if (typeof found === 'string') setProblem(found);
      else go({ name: 'confirm', found });
    };
    arrive();
    const told = async ({ data }: MessageEvent) => {
      if (typeof data?.request !== 'string') return;
      await reload();
      if (data.request !== '') go({ name: 'request', id: data.request });
    };
    addEventListener('hashchange', arrive);
    navigator.serviceWorker?.addEventListener('message', told);
    return () => {
      removeEventListener('hashchange', arrive);
      navigator.serviceWorker?.removeEventListener('message', told);
    };
  }, [isReady]);
  return problem;
}

function Header() {
  const { t, go, home } = useApp();
  return (
    <header>
      <button type="button" class="house" onClick={home}>
        <Mark />
        {t.app}
      </button>
      <button type="button" class="icon-button" onClick={() => go({ name: 'settings' })}>
        <Icon name="gear" />
        <span class="unseen">{t.settings}</span>
      </button>
    </header>
  );
}

const SAID_MS = 2500;

function Main({ chosen }: { chosen: string }) {
  const { accounts, requests, reload } = useKept();
  const { screen, go, back, home } = useScreens();
  const { online, drift } = useSurroundings();
  const [language, choose] = useState(languageOf(chosen, navigator.languages));
  const [said, setSaid] = useState('');
  const t = textsOf(language);
  const shown = useRef(screen);
  shown.current = screen;

  const open = useCallback((id: string) => {
    const { current } = shown;
    if (current.name === 'request' && current.id === id) return;
    // What somebody is in the middle of is not taken away from them: the start shows what waits.
    if (current.name === 'home' || current.name === 'request') go({ name: 'request', id });
  }, []);
  useListening(accounts, reload, open);
  const problem = useArrivals(go, reload, accounts !== null);
  useEffect(() => {
    document.documentElement.lang = language;
    document.documentElement.dir = language === 'ar' ? 'rtl' : 'ltr';
  }, [language]);
  useEffect(() => {
    const timer = setTimeout(setSaid, SAID_MS, '');
    return () => clearTimeout(timer);
  }, [said]);
  const setLanguage = (to: string) => {
    choose(languageOf(to, []));
    void setSetting('language', to);
  };
  const app = useMemo<App | null>(
    () => accounts && { t, language, accounts, requests, drift, online, go, back, home, reload, say: setSaid, setLanguage },
    [t, accounts, requests, drift, online],
  );
  if (!app) return null;
  return (
    <AppContext.Provider value={app}>
      <Header />
      {problem && screen.name === 'home' && (
        <p class="error banner" role="alert">
          <Icon name="alert" />
          {t[`read_${problem}` as 'read_unknown']}
        </p>
      )}
      <Shown screen={screen} />
      <div class={said ? 'said said-shown' : 'said'} role="status">
        {said}
      </div>
    </AppContext.Provider>
  );
}

async function start() {
  // A way out of frames, should a browser not know frame-ancestors.
  if (top !== self) return;
  const chosen = await setting('language', '');
  render(<Main chosen={chosen} />, document.getElementById('app')!);
  if ('serviceWorker' in navigator) {
    await navigator.serviceWorker.register(scriptUrl('phone/sw.js'), { scope: 'phone' });
    await renewCredentials();
  }
}

void start();
