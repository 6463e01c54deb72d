import type { Json } from '../ports/provider.ts'

/** A parameter as an operator declares it; further keys are kept and shown. */
export type Parameter = {
  name: string
  type: string
  required: boolean
  description: string
  example: Json
  [extra: string]: Json
}

/** What a model takes and where its answer says what. */
export type Declaration = {
  headers: readonly Parameter[]
  inputs: readonly Parameter[]
  outputs: readonly Parameter[]
}
