import { ProviderError } from '../ports/provider.ts'

/** Something of ours is missing, so that nobody was asked: it says nothing of the vendor. */
export class NotAsked extends ProviderError {
  constructor(message: string) {
    super('unavailable', message)
    this.name = 'NotAsked'
  }
}
