/** What the data of every event about a user has. */
export interface UserRef {
  /** Id of the user, as text whatever the database has. */
  readonly userId: string;
}

/** What the data of every event about a session has. */
export interface SessionRef extends UserRef {
  readonly sessionId: string;
}

/** What the data of every event about an account has: a way in which a user signs in, such as a password or Google. */
export interface AccountRef extends UserRef {
  readonly accountId: string;
  /** Such as `password`, `google` or `saml:example`. */
  readonly provider: string;
}

/** What is known of the device that something was asked for from. */
export interface Client {
  readonly ip?: string;
  readonly userAgent?: string;
}
