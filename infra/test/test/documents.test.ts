import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { catalogue } from '@mersal/config';
import { describe, expect, it } from 'vitest';
import { createProgram } from '../../../apps/cli/src/program.js';
import { codeOf, wordsOf } from './document-code.js';
import { faultOf } from './mersal-call.js';
import { root } from './tree-copy.js';

const text = (path: string) => readFileSync(join(root, path), 'utf8');
const tracked = (...patterns: string[]) =>
  execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '-z', ...patterns], {
    cwd: root,
    encoding: 'utf8',
  })
    .split('\0')
    .filter((path) => path !== '' && existsSync(join(root, path)));
const pages = tracked('*.md');

const nobody = () => {
  throw new Error('no command runs here');
};
const program = createProgram({
  settings: nobody,
  logger: undefined as never,
  readInput: nobody,
  now: nobody,
  show: nobody,
  writeErr: nobody,
  terminal: nobody,
  tell: nobody,
  interruptible: nobody,
});

/** The faults of every `mersal …` of a page. */
function wrongCalls(markdown: string): string[] {
  const { commands, spans } = codeOf(markdown);
  const faults = (lines: readonly string[], whole: boolean) =>
    lines.flatMap((line) => {
      const call = /^(?:npx )?mersal (.*)$/.exec(line)?.[1];
      const fault = call === undefined ? undefined : faultOf(program, wordsOf(call), whole);
      return fault === undefined ? [] : [`${line}: ${fault}`];
    });
  return [...faults(commands, true), ...faults(spans, false)];
}

const { scripts } = JSON.parse(text('package.json')) as { scripts: Record<string, string> };
/** npm scripts, and files given to node, that are not there. */
function missingScripts(markdown: string): string[] {
  const { commands, spans } = codeOf(markdown);
  return [...commands, ...spans].flatMap((line) => {
    const script = /^npm (?:run ([^\s…]+)|(start|test))/.exec(line);
    const name = script?.[1] ?? script?.[2];
    if (name !== undefined && scripts[name] === undefined) return [name];
    const file = /^node ([\w./-]+\.m?js)\b/.exec(line)?.[1];
    return file !== undefined && !existsSync(join(root, file)) ? [file] : [];
  });
}

/** Of the catalogue, and those that the generated page names besides: the callers' packages read them. */
const known = new Set([
  ...Object.keys(catalogue),
  ...[...text('infra/docs/configuration-page.mjs').matchAll(/\[\s*'([A-Z][A-Z0-9_]+)',/g)].map(
    (match) => match[1] ?? '',
  ),
]);
function unknownVariables(markdown: string): string[] {
  const { spans, variables, prose } = codeOf(markdown);
  const named = spans.flatMap((span) => /^([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)(?:=.*)?$/.exec(span)?.[1] ?? []);
  const bare = [...prose.matchAll(/(?<![\w/`.-])([A-Z][A-Z0-9]+(?:_[A-Z0-9]+)+)\b(?!\.md|_)/g)].map(
    (match) => match[1] ?? '',
  );
  return [...named, ...bare, ...variables].filter((name) => !known.has(name) && !name.startsWith('OTEL_'));
}

/** `METHOD /path` of every route of ingress, parameters as `:`. */
const routes = new Set(
  tracked('apps/ingress/src/*.ts').flatMap((path) =>
    [...text(path).matchAll(/method: '([A-Z]+)',\s+url: '([^']+)'/g)].map(
      ([, method = '', url = '']) => `${method} ${plain(url)}`,
    ),
  ),
);
function plain(path: string): string {
  return path.replace(/[?].*$/, '').replace(/(:\w+|<[^>]*>|\{[^}]*\}|\$\w+)/g, ':');
}
function unknownRoutes(markdown: string): string[] {
  const { spans, commands, prose } = codeOf(markdown);
  const named = [...prose.matchAll(/`(GET|POST|PATCH|PUT|DELETE) (\/[^\s`]*)/g)].map(
    ([, method, path = '']) => `${method} ${plain(path)}`,
  );
  const called = commands.flatMap((line) => {
    const url = /^curl\b.*?(?:https?:\/\/[^/\s]+|\$MERSAL_URL)(\/api\/[^\s'"]*)/.exec(line)?.[1];
    const method = /-X ([A-Z]+)/.exec(line)?.[1] ?? 'GET';
    return url === undefined ? [] : [`${method} ${plain(url)}`];
  });
  const paths = new Set([...routes].map((route) => route.split(' ')[1] ?? ''));
  const bare = spans.filter((span) => /^\/api\/[\w/:{}<>-]+$/.test(span) && !paths.has(plain(span)));
  return [...[...named, ...called].filter((route) => / \/api\//.test(route) && !routes.has(route)), ...bare];
}

describe('documents', () => {
  it('are read as their reader reads them', () => {
    const { commands, spans, variables } = codeOf(
      'Do `npm run x` or\n```bash\nexport A_B=1\nC_D=2 npx mersal doctor \\\n  --json # all\n$X | jq; KEY=$(x)\n```\n' +
        '```console\n$ npm test\nnpm run y\n```\n',
    );
    expect(commands).toEqual(['npx mersal doctor --json', '$X', 'jq', 'npm test']);
    expect(spans).toEqual(['npm run x']);
    expect(variables).toEqual(['A_B', 'C_D']);
  });
  it.each([
    ['npx mersal nonsense', 'no command nonsense'],
    ['npx mersal dead redrive --cod 1', 'no option --cod'],
    ['npx mersal dead show a b', 'takes 1 arguments'],
    ['npx mersal queue pause --reason', 'takes a value'],
    ['npx mersal queue pause', 'needs --reason'],
    ['npx mersal dead show', 'needs an argument'],
  ])('are found wrong where they say %s', (line, fault) => {
    expect(wrongCalls(`\`\`\`sh\n${line}\n\`\`\``)).toEqual([expect.stringContaining(fault)]);
  });
  it('are found wrong where they name scripts, variables or routes that are not there', () => {
    expect(missingScripts('`npm run nonsense`, `npm test`, `node infra/nothing.mjs`')).toEqual([
      'nonsense',
      'infra/nothing.mjs',
    ]);
    expect(unknownVariables('`NO_SUCH=1`, `REDIS_URL`, NOT_THAT_ONE, MERSAL_URL')).toEqual([
      'NO_SUCH',
      'NOT_THAT_ONE',
    ]);
    expect(routes.size).toBeGreaterThan(30);
    expect(unknownRoutes('`GET /api/nothing` `GET /api/messages/:id` `/api/none`')).toEqual([
      'GET /api/nothing',
      '/api/none',
    ]);
  });

  it.each(pages)('%s: commands of mersal exist as they are written', (page) =>
    expect(wrongCalls(text(page))).toEqual([]),
  );
  it.each(pages)('%s: scripts, variables and routes exist', (page) => {
    expect(missingScripts(text(page))).toEqual([]);
    expect(unknownVariables(text(page))).toEqual([]);
    expect(unknownRoutes(text(page))).toEqual([]);
  });
});

describe('pictures', () => {
  const images = pages.flatMap((page) =>
    [...text(page).matchAll(/!\[([^\]]*)\]\(([^)\s]+)\)/g)].map(([, alt = '', path = '']) => ({
      page,
      alt,
      path,
    })),
  );
  it('have a text for whoever does not see them', () => {
    expect(images.length).toBeGreaterThan(0);
    expect(images.filter(({ alt }) => alt.trim().length < 20)).toEqual([]);
  });
  it('are each shown somewhere, readable on light and on dark', () => {
    const shown = new Set(images.map(({ path }) => path.split('/').at(-1)));
    for (const file of readdirSync(join(root, 'docs/pictures'))) {
      expect(shown).toContain(file);
      const svg = text(`docs/pictures/${file}`);
      for (const part of ['<title', '<desc', 'prefers-color-scheme: dark']) expect(svg).toContain(part);
    }
  });
});
