import { event } from './define.js';
import type { Client, SessionRef } from './people.js';

/** Data of `session.created`. */
export interface SessionCreatedData extends SessionRef, Client {
  /** When it ends by itself, RFC 3339. */
  readonly expiresAt?: string;
}

/** Data of `session.refreshed`. */
export interface SessionRefreshedData extends SessionRef {
  /** When it ends by itself now, RFC 3339. */
  readonly expiresAt?: string;
}

/** Data of `session.revoked`. */
export interface SessionRevokedData extends SessionRef {
  /** Such as `logout`, `password-changed` or `administrator`. */
  readonly reason: string;
}

/** A session has begun. */
export const SessionCreated = /* @__PURE__ */ event<SessionCreatedData>()('session.created');
/** A session was prolonged. */
export const SessionRefreshed = /* @__PURE__ */ event<SessionRefreshedData>()('session.refreshed');
/** A session has ended by itself. */
export const SessionExpired = /* @__PURE__ */ event<SessionRef>()('session.expired');
/** A session was ended. */
export const SessionRevoked = /* @__PURE__ */ event<SessionRevokedData>()('session.revoked');
/** What was kept of a session is gone. */
export const SessionDeleted = /* @__PURE__ */ event<SessionRef>()('session.deleted');
