import { event } from './define.js';
import type { AccountRef } from './people.js';

/** Data of `account.updated`. */
export interface AccountUpdatedData extends AccountRef {
  /** Names of the fields that changed. */
  readonly changed: readonly string[];
}

/** An account is there. */
export const AccountCreated = /* @__PURE__ */ event<AccountRef>()('account.created');
/** Something about an account is different, such as its tokens, which are not part of the event. */
export const AccountUpdated = /* @__PURE__ */ event<AccountUpdatedData>()('account.updated');
/** An account was joined to a user who was there. */
export const AccountLinked = /* @__PURE__ */ event<AccountRef>()('account.linked');
/** An account was taken from a user. */
export const AccountUnlinked = /* @__PURE__ */ event<AccountRef>()('account.unlinked');
/** What the account gave access to is over, such as a token of the provider. */
export const AccountExpired = /* @__PURE__ */ event<AccountRef>()('account.expired');
/** An account is gone. */
export const AccountDeleted = /* @__PURE__ */ event<AccountRef>()('account.deleted');
