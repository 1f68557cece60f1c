import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, it } from 'vitest';
import { root } from './tree-copy.js';

const BINARY = /\.(png|jpg|ico|woff2?|gz)$/;
const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '-z'], {
  cwd: root,
  encoding: 'utf8',
  maxBuffer: 64 * 1_024 * 1_024,
})
  .split('\0')
  .filter((path) => path !== '' && existsSync(join(root, path)));
const text = (path: string) => readFileSync(join(root, path), 'utf8');
const pages = files.filter((path) => path.endsWith('.md'));

/** Where a page links to, without other sites. */
export function linksOf(markdown: string): string[] {
  const prose = markdown
    .replace(/^(```|~~~)[\s\S]*?^\1/gm, '')
    .replace(/`[^`\n]*`/g, (code) => code.replace(/[[\]()]/g, ' '));
  return [...prose.matchAll(/\]\(<?([^)\s>]+)>?(?:\s+"[^"]*")?\)/g)]
    .map((match) => match[1] ?? '')
    .filter((target) => !/^[a-z][a-z+.-]*:/.test(target));
}

/** The anchors that a page's headings get. */
export function anchorsOf(markdown: string): Set<string> {
  const headings = markdown.replace(/^(```|~~~)[\s\S]*?^\1/gm, '').matchAll(/^#{1,6} +(.+?) *#*$/gm);
  return new Set(
    [...headings].map((match) =>
      (match[1] ?? '')
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\s_-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );
}

describe('links', () => {
  it('are found in prose, and not in code', () => {
    expect(linksOf('[a](b.md) `[c](d.md)` ![e](f.svg "g") [h](https://x) \n```\n[i](j.md)\n```\n')).toEqual([
      'b.md',
      'f.svg',
    ]);
    expect(anchorsOf('# `a_b` and C\n```\n# no\n```\n## Two words')).toEqual(
      new Set(['a_b-and-c', 'two-words']),
    );
  });
  it.each(pages)('of %s lead somewhere', (page) => {
    const broken = linksOf(text(page)).filter((link) => {
      const [path = '', anchor] = link.split('#');
      const target = path === '' ? page : normalize(join(dirname(page), decodeURIComponent(path)));
      if (!existsSync(join(root, target))) return true;
      return anchor !== undefined && target.endsWith('.md') && !anchorsOf(text(target)).has(anchor);
    });
    expect(broken).toEqual([]);
  });
  it('lead from the README to every page of docs', () => {
    const seen = new Set<string>(['README.md']);
    for (const page of seen)
      for (const link of linksOf(text(page))) {
        const target = normalize(join(dirname(page), link.split('#')[0] ?? ''));
        if (target.endsWith('.md') && existsSync(join(root, target))) seen.add(target);
      }
    expect(pages.filter((page) => page.startsWith('docs/') && !seen.has(page))).toEqual([]);
  });
});

describe('no file', () => {
  // Put together here, so that this file does not name them either.
  const hosts = [
    ['registry', 'npmjs', 'org'],
    ['registry', 'yarnpkg', 'com'],
    ['repo1', 'maven', 'org'],
    ['repo', 'maven', 'apache', 'org'],
    ['pypi', 'org'],
    ['files', 'pythonhosted', 'org'],
    ['proxy', 'golang', 'org'],
    ['static', 'crates', 'io'],
    ['deb', 'debian', 'org'],
    ['registry-1', 'docker', 'io'],
  ].map((parts) => parts.join('.'));
  const machinePath = /(?<![\w.$}:/-])\/(?:root|home\/[\w.-]+|work|Users\/[\w.-]+|tmp\/[a-z]+-\w+)\/[\w.]/;
  const offending = (pattern: RegExp) =>
    files
      .filter((path) => !BINARY.test(path))
      .flatMap((path) => {
        const at = text(path)
          .split('\n')
          .findIndex((line) => pattern.test(line));
        return at < 0 ? [] : [`${path}:${at + 1}`];
      });

  it('names the host of a package registry', () => {
    const pattern = new RegExp(hosts.map((host) => `\\b${host.replaceAll('.', '\\.')}\\b`).join('|'));
    expect(pattern.test(`https://${hosts[0]}/zod`)).toBe(true);
    expect(files.length).toBeGreaterThan(300);
    expect(offending(pattern)).toEqual([]);
  });
  it('names a path of the machine that it was written on', () => {
    for (const user of ['root', 'home/me', 'Users/me']) expect(`see /${user}/project`).toMatch(machinePath);
    expect('GET /api/users/1, https://x/home/y').not.toMatch(machinePath);
    expect(offending(machinePath)).toEqual([]);
  });
  it('of the lockfile says where a package was downloaded', () => {
    expect(text('package-lock.json')).not.toContain('"resolved": "http');
  });
});
