import type { createProgram } from '../../../apps/cli/src/program.js';

type Command = ReturnType<typeof createProgram>;
type Option = Command['options'][number];

/**
 * What is wrong with a command line of `mersal`, by the definition of its program; undefined: nothing. `whole`: everything
 * mandatory has to be there, unless a `…` says that something was left out.
 */
export function faultOf(program: Command, words: readonly string[], whole: boolean): string | undefined {
  let command = program;
  let options: readonly Option[] = program.options;
  const given = new Set<string>();
  const values: string[] = [];
  for (let n = 0; n < words.length; n += 1) {
    const word = words[n] ?? '';
    if (word === '…') continue;
    const sub = values.length === 0 ? command.commands.find((one) => one.name() === word) : undefined;
    if (sub) {
      command = sub;
      options = [...program.options, ...sub.options];
    } else if (word.startsWith('-')) {
      const [name = '', inline] = word.split('=');
      if (name === '--help') continue;
      const option = options.find(({ long, short }) => long === name || short === name);
      if (!option) return `${pathOf(command)} has no option ${name}`;
      given.add(option.attributeName());
      if (!option.required || inline !== undefined) continue;
      const next = words[n + 1];
      if (next === undefined || next.startsWith('-')) return `${name} takes a value`;
      n += 1;
      while (option.variadic && words[n + 1] !== undefined && !words[n + 1]?.startsWith('-')) n += 1;
    } else values.push(word);
  }
  const places = command.registeredArguments;
  if (values.length > places.length)
    return places.length === 0 && command.commands.length > 0
      ? `${pathOf(command)} has no command ${values[0]}`
      : `${pathOf(command)} takes ${places.length} arguments`;
  if (!whole || words.includes('…')) return undefined;
  if (values.length < places.filter(({ required }) => required).length)
    return `${pathOf(command)} needs an argument`;
  const missing = command.options.find((one) => one.mandatory && !given.has(one.attributeName()));
  return missing && !words.includes('--help') ? `${pathOf(command)} needs ${missing.long}` : undefined;
}

function pathOf(command: Command): string {
  return command.parent ? `${pathOf(command.parent)} ${command.name()}` : command.name();
}
