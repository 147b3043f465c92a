// Language, notifications, installing, the backup, and what to do when a phone is lost.

import { useEffect, useState } from 'preact/hooks';
import { open, seal, type BackupAccount } from '../backup';
import { canPush, renewCredentials } from '../push';
import { accounts as keptAccounts, addAccount } from '../store';
import { fill, languageNames } from '../texts';
import { installer } from './install';
import { useApp } from './context';
import { Field, Form, Icon, Notice, Page } from './parts';

function Notifications() {
  const { t } = useApp();
  const [state, setState] = useState(canPush() ? Notification.permission : 'unsupported');
  const ask = async () => {
    setState(await Notification.requestPermission());
    await renewCredentials();
  };
  return (
    <section>
      <h2>{t.notifications}</h2>
      <p>{t[`notifications_${state as 'granted' | 'denied' | 'default' | 'unsupported'}`]}</p>
      {state === 'default' && (
        <button type="button" class="quiet" onClick={ask}>
          {t.notifications_turn_on}
        </button>
      )}
    </section>
  );
}

function Install() {
  const { t } = useApp();
  const [, again] = useState(0);
  useEffect(() => installer.onChange(() => again((count) => count + 1)), []);
  if (installer.isInstalled()) return null;
  return (
    <section>
      <h2>{t.install}</h2>
      <p>{installer.canAsk() ? t.install_why : t.install_how}</p>
      {installer.canAsk() && (
        <button type="button" class="quiet" onClick={() => installer.ask()}>
          {t.install}
        </button>
      )}
    </section>
  );
}

export function Settings() {
  const { t, language, setLanguage, go } = useApp();
  return (
    <Page title={t.settings}>
      <section>
        <label class="label" for="language">
          {t.language}
        </label>
        <select id="language" value={language} onChange={(event) => setLanguage(event.currentTarget.value)}>
          {Object.entries(languageNames).map(([code, name]) => (
            <option key={code} value={code} lang={code}>
              {name}
            </option>
          ))}
        </select>
      </section>
      <Notifications />
      <Install />
      <ul class="menu">
        <li>
          <button type="button" onClick={() => go({ name: 'backup' })}>
            {t.backup}
            <Icon name="forward" />
          </button>
        </li>
        <li>
          <button type="button" onClick={() => go({ name: 'lost' })}>
            {t.lost_link}
            <Icon name="forward" />
          </button>
        </li>
      </ul>
    </Page>
  );
}

const SHORTEST = 10;

function Export() {
  const { t, accounts, say } = useApp();
  const [password, setPassword] = useState('');
  const [again, setAgain] = useState('');
  const [error, setError] = useState<'short' | 'differ' | null>(null);
  const [busy, setBusy] = useState(false);
  const coded = accounts.filter(({ otp }) => otp);
  const save = async () => {
    const wrong = Array.from(password).length < SHORTEST ? 'short' : password !== again ? 'differ' : null;
    setError(wrong);
    if (wrong) return;
    setBusy(true);
    const listed = coded.map(({ issuer, account, name, otp }) => ({ issuer, account, name, otp: otp! }));
    download(await seal(listed, password));
    setBusy(false);
    setPassword('');
    setAgain('');
    say(t.backup_made);
  };
  if (coded.length === 0) return <p class="hint">{t.backup_nothing}</p>;
  return (
    <Form onSubmit={save}>
      <Field label={t.backup_password} type="password" autocomplete="new-password" value={password} onValue={setPassword} hint={t.backup_password_hint} error={error === 'short' ? fill(t.backup_short, { number: SHORTEST }) : undefined} />
      <Field label={t.backup_again} type="password" autocomplete="new-password" value={again} onValue={setAgain} error={error === 'differ' ? t.backup_differ : undefined} />
      <button type="submit" class="main" disabled={busy} aria-busy={busy}>
        {busy ? t.backup_sealing : t.backup_save}
      </button>
    </Form>
  );
}

function download(text: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([text], { type: 'application/json' }));
  link.download = `countersign-authenticator-${new Date().toISOString().slice(0, 10)}.json`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** Adds what is not there yet; how many. */
async function addMissing(found: BackupAccount[]): Promise<number> {
  const key = ({ issuer, account, otp }: BackupAccount) => [issuer, account, otp.type, otp.secret].join('\n');
  const have = new Set<string>();
  for (const { issuer, account, name, otp } of await keptAccounts()) if (otp) have.add(key({ issuer, account, name, otp }));
  let added = 0;
  for (const each of found) {
    if (have.has(key(each))) continue;
    have.add(key(each));
    await addAccount({ ...each, push: null });
    added++;
  }
  return added;
}

function Import() {
  const { t, reload, say, home } = useApp();
  const [file, setFile] = useState<File | null>(null);
  const [password, setPassword] = useState('');
  const [error, setError] = useState<'file' | 'format' | 'password' | null>(null);
  const [busy, setBusy] = useState(false);
  const read = async () => {
    if (!file) return setError('file');
    setBusy(true);
    const found = await open(await file.text(), password);
    setBusy(false);
    if (typeof found === 'string') return setError(found);
    const added = await addMissing(found);
    await reload();
    say(fill(t.import_done, { added, found: found.length }));
    home();
  };
  return (
    <Form onSubmit={read}>
      <div class="field">
        <label class="label" for="backup-file">
          {t.import_file}
        </label>
        <input
          id="backup-file"
          type="file"
          accept=".json,application/json"
          aria-describedby={error === 'file' || error === 'format' ? 'backup-file-error' : undefined}
          onChange={(event) => {
            setFile(event.currentTarget.files?.[0] ?? null);
            setError(null);
          }}
        />
        {(error === 'file' || error === 'format') && (
          <p class="error" id="backup-file-error" role="alert">
            <Icon name="alert" />
            {error === 'file' ? t.import_no_file : t.import_format}
          </p>
        )}
      </div>
      <Field label={t.import_password} type="password" autocomplete="off" value={password} onValue={setPassword} error={error === 'password' ? t.import_wrong : undefined} />
      <button type="submit" class="quiet" disabled={busy} aria-busy={busy}>
        {busy ? t.import_opening : t.import_backup}
      </button>
    </Form>
  );
}

export function Backup() {
  const { t } = useApp();
  return (
    <Page title={t.backup}>
      <section>
        <h2>{t.backup_export}</h2>
        <p>{t.backup_lead}</p>
        <Notice icon="phone">{t.backup_no_keys}</Notice>
        <Export />
      </section>
      <section>
        <h2>{t.import_backup}</h2>
        <p>{t.import_lead}</p>
        <Import />
      </section>
    </Page>
  );
}

export function Lost() {
  const { t } = useApp();
  return (
    <Page title={t.lost}>
      <p class="lead">{t.lost_lead}</p>
      <ol class="steps">
        <li>{t.lost_recovery}</li>
        <li>{t.lost_remove}</li>
        <li>{t.lost_backup}</li>
        <li>{t.lost_help}</li>
      </ol>
    </Page>
  );
}
