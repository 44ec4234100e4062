import { event } from './define.js';
import type { Client, UserRef } from './people.js';

/** Data of `user.created`. */
export interface UserCreatedData extends UserRef {
  readonly email?: string;
  readonly username?: string;
  readonly name?: string;
}

/** Data of `user.updated`. */
export interface UserUpdatedData extends UserRef {
  /** Names of the fields that changed. */
  readonly changed: readonly string[];
}

/** Data of `user.deleted`. */
export interface UserDeletedData extends UserRef {
  /** Id of who did it: the user, or an administrator. */
  readonly deletedBy?: string;
}

/** Data of `user.authenticated`. */
export interface UserAuthenticatedData extends UserRef, Client {
  /** Such as `password`, `google`, `passkey` or `totp`. */
  readonly method: string;
}

/** Data of `user.authentication-failed`. The user is unknown when the name was wrong. */
export interface UserAuthenticationFailedData extends Partial<UserRef>, Client {
  readonly method: string;
  /** Such as `unknown-user`, `wrong-password` or `locked`. */
  readonly reason: string;
}

/** Data of `user.locked`. */
export interface UserLockedData extends UserRef {
  /** Such as `too-many-attempts` or `administrator`. */
  readonly reason: string;
  /** RFC 3339; without it, until somebody unlocks it. */
  readonly until?: string;
}

/** A user is there. */
export const UserCreated = /* @__PURE__ */ event<UserCreatedData>()('user.created');
/** Something about a user is different. */
export const UserUpdated = /* @__PURE__ */ event<UserUpdatedData>()('user.updated');
/** A user is gone. */
export const UserDeleted = /* @__PURE__ */ event<UserDeletedData>()('user.deleted');
/** A user has proven who they are. */
export const UserAuthenticated = /* @__PURE__ */ event<UserAuthenticatedData>()('user.authenticated');
/** Somebody has failed to prove it. */
export const UserAuthenticationFailed = /* @__PURE__ */ event<UserAuthenticationFailedData>()(
  'user.authentication-failed',
);
/** A user cannot sign in any more. */
export const UserLocked = /* @__PURE__ */ event<UserLockedData>()('user.locked');
/** A user can sign in again. */
export const UserUnlocked = /* @__PURE__ */ event<UserRef>()('user.unlocked');
