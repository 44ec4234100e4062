import type { ObjectTransform, Plan, Transform } from './plan.js';
import { isIdentifier, literal, propertyName } from './type-text.js';

/** One step of a migration with the types at its ends. */
export interface PlannedStep {
  readonly type: string;
  /** The version that the step takes. */
  readonly from: number;
  readonly plan: Plan;
  readonly takes: string;
  readonly gives: string;
}

/**
 * The steps as a TypeScript module that exports `upcast`, for `defineEvent`. What nobody could derive calls `todo()`,
 * which throws: an event that meets it becomes a dead letter, and none passes half migrated.
 */
export function upcasterText(steps: readonly PlannedStep[]): string {
  const isOpen = steps.some(({ plan }) => plan.unresolved.length > 0);
  const entries = steps.map((step) => indent(stepText(step), 1));
  const parts = [
    `/** Upcasters of '${steps[0]!.type.replaceAll('*/', '* /')}'. */`,
    'export const upcast = {',
    ...entries,
    '};',
  ];
  if (isOpen) parts.push('', TODO);
  return `${parts.join('\n')}\n`;
}

const TODO = `function todo(what: string): never {
  throw new Error(\`Not migrated yet: \${what}\`);
}`;

function stepText({ from, plan, takes, gives }: PlannedStep): string {
  const { parameter, body } = arrowOf(plan.transform);
  const head = `// Version ${from} to ${from + 1}.\n${from}: (${parameter}: ${takes}): ${gives} =>`;
  if (plan.elsewhere.length === 0) return `${head} (${body}),`;
  const open = plan.elsewhere.map(
    ({ path, reason }) => `  todo(${literal(path === '' ? reason : `${path}: ${reason}`)});`,
  );
  return [`${head} {`, ...open, `  return ${indent(body, 1).trimStart()};`, '},'].join('\n');
}

/** An arrow function that applies a transform. */
function functionText(transform: Transform): string {
  if (transform.kind === 'items') return `(items) => items.map(${functionText(transform.each)})`;
  const { parameter, body } = arrowOf(transform);
  return `(${parameter}) => (${body})`;
}

function arrowOf({ drop, set, open, inside }: ObjectTransform): { parameter: string; body: string } {
  const taken = new Set(['data', 'todo', 'items']);
  const parameter =
    drop.length === 0 ? 'data' : `{ ${drop.map((name) => binding(name, taken)).join(', ')}, ...data }`;
  const lines = [
    '...data,',
    ...set.map(({ field, value, ifMissing }) =>
      ifMissing
        ? `${propertyName(field)}: ${member(field)} === undefined ? ${literal(value)} : ${member(field)},`
        : `${propertyName(field)}: ${literal(value)},`,
    ),
    ...open.map(({ field, reason }) => `${propertyName(field)}: todo(${literal(`${field}: ${reason}`)}),`),
    ...inside.map(({ field, optional, transform }) => {
      const call = `(${functionText(transform)})(${member(field)})`;
      const value = optional ? `${member(field)} === undefined ? undefined : ${call}` : call;
      return `${propertyName(field)}: ${value},`;
    }),
  ];
  const isShort = lines.length === 1;
  return {
    parameter,
    body: isShort ? '{ ...data }' : ['{', ...lines.map((line) => indent(line, 1)), '}'].join('\n'),
  };
}

/** A variable for a field that is taken out, so that whoever fills the gaps has it at hand. */
function binding(field: string, taken: Set<string>): string {
  let name = isIdentifier(field) && !RESERVED.has(field) ? field : `_${field.replaceAll(/[^\w$]/g, '_')}`;
  while (taken.has(name)) name = `_${name}`;
  taken.add(name);
  return name === field ? name : `${propertyName(field)}: ${name}`;
}

const RESERVED = new Set(
  'arguments await break case catch class const continue debugger default delete do else enum eval export extends false finally for function if implements import in instanceof interface let new null package private protected public return static super switch this throw true try typeof var void while with yield'.split(
    ' ',
  ),
);

function member(field: string): string {
  return isIdentifier(field) ? `data.${field}` : `data[${literal(field)}]`;
}

function indent(text: string, by: number): string {
  return text.replaceAll(/^(?=.)/gm, '  '.repeat(by));
}
