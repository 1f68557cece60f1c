/** What documents tell a reader to type: the code spans and shell fences of Markdown, cut into commands. */

const FENCE = /^(```|~~~)(\w*)[^\n]*\n([\s\S]*?)^\1/gm;
const SHELLS = new Set(['sh', 'bash', 'console']);

export interface DocumentCode {
  /** One command each, without prompt, comment and variables before it. */
  readonly commands: readonly string[];
  /** Code within sentences and tables. */
  readonly spans: readonly string[];
  /** Everything outside of fences, code spans included. */
  readonly prose: string;
  /** Variables that commands set: exported, or before a command. */
  readonly variables: readonly string[];
}

export function codeOf(markdown: string): DocumentCode {
  const commands: string[] = [];
  const variables: string[] = [];
  for (const [, , language = '', body = ''] of markdown.matchAll(FENCE)) {
    if (!SHELLS.has(language)) continue;
    const console = language === 'console';
    for (const line of body.replace(/\\\n\s*/g, ' ').split('\n')) {
      // In a console the other lines are what was answered.
      if (console && !line.startsWith('$ ')) continue;
      for (const command of cut(console ? line.slice(2) : line)) {
        const set =
          /^(?:export\s+)?((?:[A-Z][A-Z0-9_]*=\S*\s+)*(?:[A-Z][A-Z0-9_]*=\S*)?)/.exec(command)?.[1] ?? '';
        const rest = command.slice(command.indexOf(set) + set.length).trim();
        // NAME=… alone is the shell's own, and nobody's setting.
        if (command.startsWith('export ') || rest !== '')
          variables.push(...[...set.matchAll(/([A-Z][A-Z0-9_]*)=/g)].map((match) => match[1] ?? ''));
        if (rest !== '' && !command.startsWith('export ')) commands.push(rest);
      }
    }
  }
  const prose = markdown.replace(FENCE, '');
  const spans = [...prose.matchAll(/`([^`]+)`/g)].map((match) =>
    (match[1] ?? '').replace(/\s+/g, ' ').trim(),
  );
  return { commands, spans, prose, variables };
}

/** The commands of a line of shell: quoted text stays whole, comments go. */
function cut(line: string): string[] {
  const quiet = line
    .replace(/\$\([^)]*\)/g, '$_')
    .replace(/'[^']*'|"[^"]*"/g, (text) => text.replace(/[|;&#<>]/g, '_'));
  return quiet
    .replace(/(^|\s)#.*$/, '')
    .split(/\s*(?:\|\|?|&&?|;|\s[<>]+\s)\s*/)
    .map((command) => command.replace(/\s+/g, ' ').trim())
    .filter((command) => command !== '');
}

/** The words of a command; what is optional counts as given, `…` stands for what was left out. */
export function wordsOf(command: string): string[] {
  return [...command.replace(/[[\]]/g, ' ').matchAll(/"[^"]*"|'[^']*'|<[^>]*>|\S+/g)].map(([word]) => word);
}
