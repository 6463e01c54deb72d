/** What a browser needs to send a file straight to the operator's object storage. */
export type DirectGrant = {
  accessKeyId: string
  accessKeySecret: string
  securityToken: string
  expiresAt: Date
  region: string
  bucket: string
}

/** A storage service that gives out temporary keys, so that users' files need not pass through us. */
export type DirectUploads = {
  /**
   * Makes a key that can do one thing: write objects whose names begin with one of `prefixes`.
   *
   * @param holder who it is for, as the service's own log shall show it: letters, digits, `.@_-`, 2 to 64.
   * @param seconds how long it works; services have a minimum of 900.
   * @throws when the service cannot be reached or refuses; the error carries no credentials.
   */
  grant: (wish: { holder: string; prefixes: readonly string[]; seconds: number }) => Promise<DirectGrant>
}
