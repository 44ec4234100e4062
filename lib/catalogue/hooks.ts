import { event } from './define.js';
import type { Client, SessionRef, UserRef } from './people.js';

/** Data of `before:signup`. */
export interface BeforeSignupData extends Client {
  readonly email?: string;
  readonly username?: string;
  readonly name?: string;
}

/** Data of `after:signup`. */
export interface AfterSignupData extends UserRef, BeforeSignupData {}

/** Data of `before:login`. */
export interface BeforeLoginData extends Client {
  /** What was given for a name: a user name or an e-mail address. */
  readonly identifier: string;
  /** Such as `password`, `google` or `passkey`. */
  readonly method: string;
}

/** Data of `after:login`. */
export interface AfterLoginData extends UserRef, Client {
  readonly method: string;
  readonly sessionId?: string;
}

/** Data of `before:logout` and `after:logout`. */
export type LogoutData = UserRef & Partial<Pick<SessionRef, 'sessionId'>>;

/** Data of `before:password-change` and `after:password-change`: never a password. */
export interface PasswordChangeData extends UserRef, Client {}

/** Data of `before:password-reset`. */
export interface BeforePasswordResetData extends Client {
  readonly email: string;
}

/** Data of `after:password-reset`: never a token. */
export interface AfterPasswordResetData extends UserRef, Client {}

/** Data of `before:email-change` and `after:email-change`. */
export interface EmailChangeData extends UserRef {
  /** The address until now; absent when there was none. */
  readonly from?: string;
  readonly to: string;
}

/** Data of `before:email-verification` and `after:email-verification`: never a code. */
export interface EmailVerificationData extends UserRef {
  readonly email: string;
}

/** Data of `before:profile-update` and `after:profile-update`. */
export interface ProfileUpdateData extends UserRef {
  /** Names of the fields that change. */
  readonly changed: readonly string[];
}

/** Somebody asks to sign up. */
export const BeforeSignup = /* @__PURE__ */ event<BeforeSignupData>()('before:signup');
/** Somebody has signed up. */
export const AfterSignup = /* @__PURE__ */ event<AfterSignupData>()('after:signup');
/** Somebody asks to log in. */
export const BeforeLogin = /* @__PURE__ */ event<BeforeLoginData>()('before:login');
/** Somebody has logged in. */
export const AfterLogin = /* @__PURE__ */ event<AfterLoginData>()('after:login');
/** A user asks to log out. */
export const BeforeLogout = /* @__PURE__ */ event<LogoutData>()('before:logout');
/** A user has logged out. */
export const AfterLogout = /* @__PURE__ */ event<LogoutData>()('after:logout');
/** A user asks for another password. */
export const BeforePasswordChange = /* @__PURE__ */ event<PasswordChangeData>()('before:password-change');
/** A user has another password. */
export const AfterPasswordChange = /* @__PURE__ */ event<PasswordChangeData>()('after:password-change');
/** Somebody who has forgotten their password asks for a new one. */
export const BeforePasswordReset = /* @__PURE__ */ event<BeforePasswordResetData>()('before:password-reset');
/** They have a new one. */
export const AfterPasswordReset = /* @__PURE__ */ event<AfterPasswordResetData>()('after:password-reset');
/** A user asks for another e-mail address. */
export const BeforeEmailChange = /* @__PURE__ */ event<EmailChangeData>()('before:email-change');
/** A user has another e-mail address. */
export const AfterEmailChange = /* @__PURE__ */ event<EmailChangeData>()('after:email-change');
/** A user is about to prove that an e-mail address is theirs. */
export const BeforeEmailVerification =
  /* @__PURE__ */ event<EmailVerificationData>()('before:email-verification');
/** A user has proven it. */
export const AfterEmailVerification =
  /* @__PURE__ */ event<EmailVerificationData>()('after:email-verification');
/** A user asks for changes of their profile. */
export const BeforeProfileUpdate = /* @__PURE__ */ event<ProfileUpdateData>()('before:profile-update');
/** The profile of a user is different. */
export const AfterProfileUpdate = /* @__PURE__ */ event<ProfileUpdateData>()('after:profile-update');
