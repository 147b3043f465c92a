// Adding an account: by the camera, by a picture, or by what was copied; and the question before it is done.

import { useEffect, useRef, useState } from 'preact/hooks';
import { enrol, GuardianError, tenantInfo } from '../guardian';
import { read, type Found } from '../otpauth';
import { credentials } from '../push';
import { readPicture, scan } from '../scan';
import { addAccount } from '../store';
import { fill } from '../texts';
import { ownBase, useApp } from './context';
import { Field, Form, Icon, Notice, Page } from './parts';

type CameraState = 'off' | 'on' | 'refused';

function Camera({ onText }: { onText(text: string): void }) {
  const { t } = useApp();
  const video = useRef<HTMLVideoElement>(null);
  const [state, setState] = useState<CameraState>('off');
  const stop = useRef(new AbortController());
  useEffect(() => () => stop.current.abort(), []);
  const start = async () => {
    setState('on');
    try {
      const text = await scan(video.current!, stop.current.signal);
      if (text !== null) onText(text);
    } catch {
      setState('refused');
    }
  };
  return (
    <>
      <div class={state === 'on' ? 'viewfinder' : 'viewfinder viewfinder-off'}>
        <video ref={video} muted playsInline aria-label={t.camera_picture} />
      </div>
      {state === 'on' ? (
        <p class="hint centred" role="status">
          {t.camera_point}
        </p>
      ) : (
        <button type="button" class="main" onClick={start}>
          <Icon name="camera" />
          {t.scan}
        </button>
      )}
      {state === 'refused' && (
        <p class="error" role="alert">
          <Icon name="alert" />
          {t.camera_refused}
        </p>
      )}
    </>
  );
}

export function Add() {
  const { t, go } = useApp();
  const [text, setText] = useState('');
  const [error, setError] = useState('');
  const take = (given: string) => {
    const found = read(given, ownBase());
    if (typeof found !== 'string') return go({ name: 'confirm', found });
    setText(given);
    setError(t[`read_${found}`]);
  };
  const picture = async (file: File | undefined) => {
    const found = file && (await readPicture(file).catch(() => null));
    if (found) take(found);
    else if (file) setError(t.picture_without);
  };
  return (
    <Page title={t.add_account}>
      <p class="lead">{t.add_lead}</p>
      <Camera onText={take} />
      <label class="quiet file">
        {t.choose_picture}
        <input type="file" accept="image/*" onChange={(event) => picture(event.currentTarget.files?.[0])} />
      </label>
      <p class="or">
        <span>{t.or}</span>
      </p>
      <Form onSubmit={() => take(text)}>
        <Field
          label={t.paste_label}
          hint={t.paste_hint}
          value={text}
          error={error}
          autocapitalize="none"
          dir="ltr"
          onValue={(value) => {
            setText(value);
            setError('');
          }}
        />
        <button type="submit" class="quiet">
          {t.continue}
        </button>
      </Form>
    </Page>
  );
}

/** What this phone is called in lists of devices, where it has no better name. */
function phoneName(): string {
  const data = (navigator as { userAgentData?: { platform?: string; brands?: { brand: string }[] } }).userAgentData;
  const system = data?.platform || /(iPhone|iPad|Android|Mac|Windows|Linux)/.exec(navigator.userAgent)?.[1] || '';
  return system ? `Countersign Authenticator, ${system}` : 'Countersign Authenticator';
}

function enrolmentError(error: unknown, t: ReturnType<typeof useApp>['t']): string {
  if (!(error instanceof GuardianError)) return t.enrol_failed;
  if (error.code === 'network') return t.enrol_network;
  if (error.status === 401) return t.enrol_ended;
  return error.status === 409 ? t.enrol_conflict : t.enrol_failed;
}

export function Confirm({ found }: { found: Found }) {
  const app = useApp();
  const { t } = app;
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState('');
  const { enrolment } = found;

  const addCodes = async () => {
    await addAccount({ issuer: found.issuer, account: found.account, name: '', otp: found.otp, push: null });
    await app.reload();
    app.say(t.added);
    app.home();
  };

  const addPush = async () => {
    if ('Notification' in globalThis && Notification.permission === 'default') await Notification.requestPermission();
    const enrolled = await enrol(enrolment!, phoneName(), await credentials(enrolment!.base));
    const { name: tenant } = await tenantInfo(enrolment!.base);
    const account = await addAccount({
      issuer: tenant || enrolled.issuer || found.issuer,
      account: found.account,
      name: '',
      otp: enrolled.otp ?? found.otp,
      push: enrolled.push,
    });
    await navigator.storage?.persist?.().catch(() => false);
    await app.reload();
    app.say(t.added);
    if (enrolled.recoveryCode) app.go({ name: 'recovery', account, code: enrolled.recoveryCode });
    else app.home();
  };

  const add = async () => {
    setBusy(true);
    setError('');
    try {
      await (enrolment ? addPush() : addCodes());
    } catch (fault) {
      setError(enrolmentError(fault, t));
      setBusy(false);
    }
  };

  const host = enrolment ? new URL(enrolment.base).host : '';
  return (
    <Page title={enrolment ? t.confirm_push : t.confirm_codes}>
      <p class="lead">{enrolment ? t.confirm_push_lead : t.confirm_codes_lead}</p>
      <dl class="facts">
        {enrolment && (
          <>
            <dt>{t.fact_server}</dt>
            <dd>
              <bdi dir="ltr">{host}</bdi>
            </dd>
          </>
        )}
        {found.issuer && found.issuer !== host && (
          <>
            <dt>{t.fact_issuer}</dt>
            <dd>
              <bdi>{found.issuer}</bdi>
            </dd>
          </>
        )}
        {found.account && (
          <>
            <dt>{t.fact_account}</dt>
            <dd>
              <bdi>{found.account}</bdi>
            </dd>
          </>
        )}
      </dl>
      {error && (
        <p class="error" role="alert">
          <Icon name="alert" />
          {error}
        </p>
      )}
      <button type="button" class="main" onClick={add} disabled={busy} aria-busy={busy}>
        {busy ? t.adding : t.add}
      </button>
      <button type="button" class="quiet" onClick={app.home} disabled={busy}>
        {t.cancel}
      </button>
    </Page>
  );
}

export function Recovery({ code }: { code: string }) {
  const { t, home } = useApp();
  const [saved, setSaved] = useState(false);
  const [error, setError] = useState(false);
  const groups = code.match(/.{1,4}/g) ?? [];
  return (
    <Page title={t.recovery} back={false}>
      <p class="lead">{t.recovery_lead}</p>
      <p class="secret" dir="ltr">
        {groups.map((group, index) => (
          <span key={index}>{group}</span>
        ))}
      </p>
      <Notice icon="alert">{t.recovery_once}</Notice>
      <label class="check">
        <input type="checkbox" checked={saved} aria-invalid={error ? 'true' : undefined} onChange={(event) => setSaved(event.currentTarget.checked)} />
        {t.recovery_saved}
      </label>
      {error && !saved && (
        <p class="error" role="alert">
          <Icon name="alert" />
          {t.recovery_confirm}
        </p>
      )}
      <button type="button" class="main" onClick={() => (saved ? home() : setError(true))}>
        {t.continue}
      </button>
    </Page>
  );
}
