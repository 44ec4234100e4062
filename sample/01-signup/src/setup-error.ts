/** The sample was started in a way that cannot work: the message is for the person who typed it. */
export class SetupError extends Error {}
