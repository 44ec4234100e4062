/** A handler of `before:signup` says no; the message is for the person who signs up. */
export class SignupRefused extends Error {
  constructor(
    readonly reason: 'name-taken' | 'too-many',
    message: string,
  ) {
    super(message);
  }
}
