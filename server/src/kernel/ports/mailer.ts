export type Mail = { to: string; subject: string; text: string; html: string }

/** Sends mail. `send` resolves when the mail was handed over, and throws when it was not. */
export type Mailer = { send: (mail: Mail) => Promise<void>; close: () => void }
