import { type NamedTemplate, Templates, type TemplateStore } from '@mersal/delivery';
import type { SendOutcome, TwilioGateway } from '@mersal/twilio-gateway';
import { describe, expect, it } from 'vitest';

const account = { accountSid: 'AC1', authToken: 'token' };

/** A provider that has templates by name; undefined: it does not answer. */
function provider(has: Record<string, string> | undefined) {
  const asked: string[] = [];
  const outcome = { class: 'ambiguous', countsAttempt: true, message: 'no answer' } as SendOutcome;
  const gateway = {
    contents: {
      find: async (_account: unknown, name: string) => {
        asked.push(name);
        if (has === undefined) return { ok: false, outcome };
        const sid = has[name];
        return { ok: true, value: sid === undefined ? undefined : { sid } };
      },
    },
  } as unknown as TwilioGateway;
  return { asked, gateway };
}

/** A store in memory; `broken`: it is away. */
function storeOf(state: { broken?: boolean } = {}) {
  const sids = new Map<string, string>();
  const idOf = ({ accountSid, name }: NamedTemplate): string => `${accountSid}/${name}`;
  const store: TemplateStore = {
    sidOf: async (template, look) => {
      if (state.broken) throw new Error('the store is away');
      const sid = sids.get(idOf(template)) ?? (await look());
      sids.set(idOf(template), sid);
      return sid;
    },
    forget: async (template, sid) => {
      if (state.broken) throw new Error('the store is away');
      if (sids.get(idOf(template)) === sid) sids.delete(idOf(template));
    },
  };
  return { sids, store };
}

describe.each([
  ['with a store', true],
  ['by itself', false],
])('templates %s', (_name, stored) => {
  it('are looked up once, and again once the provider says that the SID is gone', async () => {
    const has: Record<string, string> = { menu: 'HX1' };
    const { asked, gateway } = provider(has);
    const { store } = storeOf();
    const templates = new Templates({ gateway, now: () => 0, ...(stored ? { store } : {}) });
    for (let n = 0; n < 3; n += 1)
      expect(await templates.resolve(account, 'r1', 'menu')).toEqual({ ok: true, contentSid: 'HX1' });
    expect(asked).toHaveLength(1);
    has['menu'] = 'HX2';
    await templates.forget(account, 'r1', 'menu', 'HX0');
    expect(await templates.resolve(account, 'r1', 'menu')).toMatchObject({ contentSid: 'HX1' });
    await templates.forget(account, 'r1', 'menu', 'HX1');
    expect(await templates.resolve(account, 'r1', 'menu')).toMatchObject({ contentSid: 'HX2' });
    expect(asked).toHaveLength(2);
  });

  it('that are missing cost the message an attempt; an answer that did not come costs none', async () => {
    const { store } = storeOf();
    const more = stored ? { store } : {};
    const missing = new Templates({ gateway: provider({}).gateway, now: () => 0, ...more });
    expect(await missing.resolve(account, 'r1', 'menu')).toMatchObject({
      ok: false,
      outcome: { class: 'template_unusable', countsAttempt: true },
    });
    const silent = new Templates({ gateway: provider(undefined).gateway, now: () => 0, ...more });
    expect(await silent.resolve(account, 'r1', 'menu')).toMatchObject({
      ok: false,
      outcome: { class: 'not_sent', countsAttempt: false },
    });
  });
});

describe('a store that is away', () => {
  it('holds no message up: the provider is asked, and remembered here', async () => {
    const { asked, gateway } = provider({ menu: 'HX1' });
    const troubles: unknown[] = [];
    const { store } = storeOf({ broken: true });
    const templates = new Templates({
      gateway,
      now: () => 0,
      store,
      onTrouble: (error) => troubles.push(error),
    });
    for (let n = 0; n < 3; n += 1)
      expect(await templates.resolve(account, 'r1', 'menu')).toEqual({ ok: true, contentSid: 'HX1' });
    expect(asked).toHaveLength(1);
    await templates.forget(account, 'r1', 'menu', 'HX1');
    expect(troubles).toHaveLength(2);
    expect(await templates.resolve(account, 'r1', 'menu')).toMatchObject({ ok: true });
    expect(asked).toHaveLength(2);
  });

  it.each([
    ['in this process', (error: unknown) => error],
    [
      'in another process',
      (error: unknown) => {
        const { shared } = error as { readonly shared: unknown };
        return Object.assign(new Error('told'), { shared: JSON.parse(JSON.stringify(shared)) as unknown });
      },
    ],
  ])('that remembers a look-up that failed %s gives its outcome', async (_where, told) => {
    const { asked, gateway } = provider({});
    const store: TemplateStore = {
      sidOf: async (_template, look) => {
        const error: unknown = await look().catch((failed: unknown) => failed);
        throw new Error('it failed a moment ago', { cause: told(error) });
      },
      forget: async () => {},
    };
    const templates = new Templates({ gateway, now: () => 0, store });
    expect(await templates.resolve(account, 'r1', 'menu')).toMatchObject({
      ok: false,
      outcome: {
        class: 'template_unusable',
        countsAttempt: true,
        message: expect.stringContaining('no template of this name') as string,
      },
    });
    expect(asked).toHaveLength(1);
  });

  it('is told where a look-up failed for the account', async () => {
    const flags: unknown[] = [];
    const store: TemplateStore = {
      sidOf: async (_template, look) =>
        look().catch((error: unknown) => {
          flags.push((error as { readonly accountFault?: unknown }).accountFault);
          throw error;
        }),
      forget: async () => {},
    };
    for (const kind of ['tenant_suspended', 'throttled'] as const) {
      const outcome = { class: kind, message: 'no' } as SendOutcome;
      const gateway = {
        contents: { find: async () => ({ ok: false, outcome }) },
      } as unknown as TwilioGateway;
      await new Templates({ gateway, now: () => 0, store }).resolve(account, 'r1', 'menu');
    }
    expect(flags).toEqual([true, false]);
  });
});
