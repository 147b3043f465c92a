// The one place where the policy of the page (require-trusted-types-for) lets a text become the address of a script.

interface Policies {
  createPolicy(name: string, rules: { createScriptURL(text: string): string }): { createScriptURL(text: string): unknown };
}

const { trustedTypes } = globalThis as { trustedTypes?: Policies };

const policy = trustedTypes?.createPolicy('countersign', {
  createScriptURL(text) {
    if (text !== 'phone/sw.js') throw new TypeError('not a script of this app');
    return text;
  },
});

export function scriptUrl(text: 'phone/sw.js'): string {
  return (policy ? policy.createScriptURL(text) : text) as string;
}
