import { expect, it } from '@jest/globals';
import { createEventBus, type EventDefinition } from 'nestjs-durable-events';
import * as catalogue from 'nestjs-durable-events/catalogue';

const definitions = Object.entries(catalogue) as [string, EventDefinition][];

it('names each event as its constant is named', () => {
  const constantOf = (name: string) =>
    name.replaceAll(/(?:^|[.:-])([a-z])/g, (_, letter: string) => letter.toUpperCase());
  expect(definitions.map(([constant]) => constant)).toEqual(
    definitions.map(([, { name }]) => constantOf(name)),
  );
  expect(new Set(definitions.map(([, { name }]) => name)).size).toBe(definitions.length);
});

it('has an after: for each before:', () => {
  const names = definitions.map(([, { name }]) => name);
  const hooks = (prefix: string) =>
    names.filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length));
  expect(hooks('before:')).toEqual([
    'email-change',
    'email-verification',
    'login',
    'logout',
    'password-change',
    'password-reset',
    'profile-update',
    'signup',
  ]);
  expect(hooks('after:')).toEqual(hooks('before:'));
});

it('works on a bus: a before: handler that throws keeps it from happening', async () => {
  const bus = createEventBus();
  const welcomed: string[] = [];
  bus.on(catalogue.BeforeSignup, ({ data }) => {
    if (data.email?.endsWith('@example.com')) throw new Error('not from there');
  });
  bus.on(catalogue.AfterSignup, ({ data }) => void welcomed.push(data.userId));
  await bus.start();
  await expect(bus.emitSync(catalogue.BeforeSignup, { email: 'eve@example.com' })).rejects.toThrow(
    'not from there',
  );
  await bus.emitSync(catalogue.BeforeSignup, { email: 'ada@example.org' });
  await bus.emitSync(catalogue.AfterSignup, { userId: 'u1', email: 'ada@example.org' });
  await bus.close();
  expect(welcomed).toEqual(['u1']);
});
