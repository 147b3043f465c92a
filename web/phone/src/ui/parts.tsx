// The pieces that screens are made of.

import type { ComponentChildren } from 'preact';
import { useEffect, useId, useRef } from 'preact/hooks';
import { useApp } from './context';

export function Mark() {
  return (
    <svg class="mark" viewBox="0 0 34 24" aria-hidden="true">
      <path class="mark-first" d="M3 12l6 6L20.5 4.5" />
      <path class="mark-second" d="M13 12l6 6L30.5 4.5" />
    </svg>
  );
}

const PATHS: Record<string, string> = {
  back: 'M15 5l-7 7 7 7',
  forward: 'M9 5l7 7-7 7',
  plus: 'M12 5v14M5 12h14',
  gear: 'M4 7h9M19 7h1M4 17h1M11 17h9M13 7a3 3 0 106 0 3 3 0 10-6 0M5 17a3 3 0 106 0 3 3 0 10-6 0',
  copy: 'M9 9h10v11H9zM15 9V4H5v11h4',
  bell: 'M6 16V11a6 6 0 0112 0v5l1.5 2h-15zM10 21h4',
  alert: 'M12 4l9 16H3zM12 10v4M12 17v.5',
  check: 'M5 12.5l5 5L19.5 7',
  cross: 'M6 6l12 12M18 6L6 18',
  clock: 'M12 3a9 9 0 100 18 9 9 0 100-18M12 7v5l3.5 2',
  camera: 'M4 8V4h4M16 4h4v4M20 16v4h-4M8 20H4v-4M4 12h16',
  up: 'M12 19V5M6 11l6-6 6 6',
  down: 'M12 5v14M6 13l6 6 6-6',
  phone: 'M7 3h10v18H7zM11 18h2',
};

export function Icon({ name }: { name: keyof typeof PATHS }) {
  const turns = name === 'back' || name === 'forward';
  return (
    <svg class={turns ? 'icon icon-turns' : 'icon'} viewBox="0 0 24 24" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}

/** A screen with its heading, which takes the focus, so that screen readers begin there. */
export function Page({ title, children, back = true }: { title: string; children: ComponentChildren; back?: boolean }) {
  const app = useApp();
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${title} · ${app.t.app}`;
    heading.current?.focus();
    scrollTo(0, 0);
  }, [title]);
  return (
    <main>
      {back && (
        <button type="button" class="back" onClick={app.back}>
          <Icon name="back" />
          {app.t.back}
        </button>
      )}
      <h1 ref={heading} tabIndex={-1}>
        {title}
      </h1>
      {children}
    </main>
  );
}

interface FieldProps {
  label: string;
  value: string;
  onValue(value: string): void;
  hint?: string | undefined;
  error?: string | undefined;
  class?: string;
  type?: 'text' | 'password';
  [attribute: string]: unknown;
}

export function Field({ label, value, onValue, hint, error, class: className = '', type = 'text', ...attributes }: FieldProps) {
  const id = useId();
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (error) input.current?.focus();
  }, [error]);
  const describedBy = [error && `${id}-error`, hint && `${id}-hint`].filter(Boolean).join(' ');
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <input
        ref={input}
        id={id}
        class={className}
        value={value}
        aria-invalid={error ? 'true' : undefined}
        aria-describedby={describedBy || undefined}
        onInput={(event) => onValue(event.currentTarget.value)}
        autocomplete="off"
        spellcheck={false}
        {...(attributes as object)}
        type={type as 'text'}
      />
      {error && (
        <p class="error" id={`${id}-error`} role="alert">
          <Icon name="alert" />
          {error}
        </p>
      )}
      {hint && (
        <p class="hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
    </div>
  );
}

export function Notice({ icon, children, danger = false }: { icon: keyof typeof PATHS; children: ComponentChildren; danger?: boolean }) {
  return (
    <div class={danger ? 'notice notice-danger' : 'notice'}>
      <Icon name={icon} />
      <div>{children}</div>
    </div>
  );
}

/** The end of something: a sign, and what happened. */
export function Emblem({ icon, danger = false }: { icon: keyof typeof PATHS; danger?: boolean }) {
  return (
    <div class={danger ? 'emblem emblem-danger' : 'emblem'}>
      <Icon name={icon} />
    </div>
  );
}

export function Form({ onSubmit, children }: { onSubmit(): void; children: ComponentChildren }) {
  return (
    <form
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        onSubmit();
      }}
    >
      {children}
    </form>
  );
}

/** Copies, and says so. */
export function useCopy(): (text: string) => void {
  const { t, say } = useApp();
  return (text) => {
    navigator.clipboard.writeText(text).then(
      () => say(t.copied),
      () => say(t.copy_failed),
    );
  };
}
