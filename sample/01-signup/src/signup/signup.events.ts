import { defineEvent, type EventOf } from 'nestjs-durable-events';
import { z } from 'zod';

const noControlCharacters = /^\P{Cc}*$/u;

/** A sign-up as it is sent, and as it is handled. */
export const signupSchema = z.object(
  {
    username: z
      .string('Choose a name to sign in with')
      .regex(/^[a-z0-9_-]{3,30}$/, 'Use 3 to 30 of a-z, 0-9, - and _'),
    name: z
      .string('Say how to address you')
      .trim()
      .min(1, 'Say how to address you')
      .max(100, 'Use 100 characters at most')
      .regex(noControlCharacters, 'Use no line breaks or other control characters'),
    email: z.email('Give an e-mail address, such as ada@example.org').max(254, 'Use 254 characters at most'),
  },
  'Send an object with username, name and email',
);

/** Asked before a sign-up is accepted: a handler that throws refuses it. */
export const BeforeSignup = defineEvent('before:signup', { schema: signupSchema });
export type BeforeSignup = EventOf<typeof BeforeSignup>;

/** Told after a sign-up was accepted: handlers do what follows from it. */
export const AfterSignup = defineEvent('after:signup', { schema: signupSchema });
export type AfterSignup = EventOf<typeof AfterSignup>;
