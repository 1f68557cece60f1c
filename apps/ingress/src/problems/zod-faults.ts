import type { FastifySchemaCompiler } from 'fastify';
import type { z } from 'zod';
import { type Fault, Problem } from './problem.js';

/** Fastify's checks of parameters and queries, by zod schemas. */
export const validatorCompiler: FastifySchemaCompiler<z.ZodType> = ({ schema }) => {
  return (value) => {
    const parsed = schema.safeParse(value);
    if (parsed.success) return { value: parsed.data };
    return { error: new Problem('validation_failed', { errors: toFaults(parsed.error.issues) }) };
  };
};

/** Zod's issues as faults with codes of our own; no message quotes a value. */
export function toFaults(issues: readonly z.core.$ZodIssue[]): Fault[] {
  return issues.flatMap((issue) => {
    const pointer = toPointer(issue.path);
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => ({
        pointer: toPointer([...issue.path, key]),
        code: 'unknown_field',
        message: 'there is no such field',
      }));
    }
    return [{ pointer, code: codeOf(issue), message: messageOf(issue) }];
  });
}

/** RFC 6901. */
function toPointer(path: readonly PropertyKey[]): string {
  return path.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

function codeOf(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return issue.input === undefined && issue.message.endsWith('received undefined')
        ? 'required'
        : 'wrong_type';
    case 'too_small':
      return issue.origin === 'string' ? 'too_short' : 'too_small';
    case 'too_big':
      return issue.origin === 'string' ? 'too_long' : 'too_big';
    case 'custom': {
      const code: unknown = issue.params?.['code'];
      return typeof code === 'string' ? code : 'invalid';
    }
    default:
      return 'wrong_form';
  }
}

function messageOf(issue: z.core.$ZodIssue): string {
  return issue.code === 'invalid_type' && codeOf(issue) === 'required' ? 'must be given' : issue.message;
}
