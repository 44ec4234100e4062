export type {
  AccountEvents,
  CatalogueEvents,
  HookEvents,
  SessionEvents,
  UserEvents,
} from './catalogue/events.js';
export type { AccountRef, Client, SessionRef, UserRef } from './catalogue/people.js';
export * from './catalogue/account.js';
export * from './catalogue/hooks.js';
export * from './catalogue/session.js';
export * from './catalogue/user.js';
