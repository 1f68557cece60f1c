import { expect, it } from 'vitest';
import { verdictOfAudit } from '../tools/npm-audit.mjs';

const report = (high: number, critical: number, vulnerabilities: object = {}): string =>
  JSON.stringify({ vulnerabilities, metadata: { vulnerabilities: { moderate: 3, high, critical } } });

it('passes where the registry knows nothing high or critical', () => {
  expect(verdictOfAudit(report(0, 0))).toEqual({ state: 'passed' });
});

it('fails by name', () => {
  const found = { left: { severity: 'critical' }, right: { severity: 'moderate' } };
  const verdict = verdictOfAudit(report(0, 1, found));
  expect(verdict).toMatchObject({ state: 'failed' });
  expect(verdict.reason).toContain('left (critical)');
  expect(verdict.reason).not.toContain('right');
});

it.each([
  ['', 'no answer'],
  ['not json', 'no answer'],
  ['{}', 'no answer'],
  [JSON.stringify({ message: '405 Method Not Allowed - POST https://registry.example/x' }), '405'],
])('knows nothing where the registry could not be asked, and says so: %s', (output, reason) => {
  const verdict = verdictOfAudit(output);
  expect(verdict).toMatchObject({ state: 'skipped', excused: true });
  expect(verdict.reason).toContain(reason);
  expect(verdict.reason).not.toContain('registry.example');
});
