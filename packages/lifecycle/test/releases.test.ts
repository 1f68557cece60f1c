import { Releases } from '@mersal/lifecycle';
import { describe, expect, it } from 'vitest';

describe('releases', () => {
  it('run last in, first out, one after another', async () => {
    const releases = new Releases();
    const order: string[] = [];
    const slow = (name: string) => async () => {
      order.push(`${name} begins`);
      await Promise.resolve();
      order.push(`${name} ends`);
    };
    releases.push('database', slow('database'));
    releases.push('consumer', slow('consumer'));
    await releases.run((step) => order.push(`closing ${step}`));
    expect(order).toEqual([
      'closing consumer',
      'consumer begins',
      'consumer ends',
      'closing database',
      'database begins',
      'database ends',
    ]);
  });
  it('all run when one fails, and the first failure is kept', async () => {
    const releases = new Releases();
    const ran: string[] = [];
    releases.push('a', () => void ran.push('a'));
    releases.push('b', () => {
      ran.push('b');
      throw new Error('b, later');
    });
    releases.push('c', () => {
      ran.push('c');
      return Promise.reject(new Error('c, first'));
    });
    await expect(releases.run()).rejects.toThrow('c, first');
    expect(ran).toEqual(['c', 'b', 'a']);
  });
  it('a failure that is undefined is a failure', async () => {
    const releases = new Releases();
    // eslint-disable-next-line prefer-promise-reject-errors -- what a library might do
    releases.push('odd', () => Promise.reject(undefined));
    await expect(
      releases.run().then(
        () => 'done',
        () => 'failed',
      ),
    ).resolves.toBe('failed');
  });
  it('run once, and who asks again waits for the same end', async () => {
    const releases = new Releases();
    let times = 0;
    releases.push('once', async () => {
      await Promise.resolve();
      times += 1;
    });
    await Promise.all([releases.run(), releases.run()]);
    await releases.run();
    expect(times).toBe(1);
  });
  it('take nothing more once they run: it would never be given back', () => {
    const releases = new Releases();
    void releases.run();
    expect(() => releases.push('late', () => undefined)).toThrow('cannot acquire late: already stopping');
  });
});
