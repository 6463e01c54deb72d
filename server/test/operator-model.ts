import { createModel } from '../src/kernel/catalog/models.ts'
import type { Context } from '../src/kernel/context.ts'
import type { Credits } from '../src/kernel/money.ts'
import type { Json } from '../src/kernel/ports/provider.ts'

/** Defines a model with an address, as an operator does; its number is what a submission names it by. */
export async function defineOperatorModel(
  context: Context,
  model: { url: string; secret: string; headers: Record<string, string>; price: Credits; outputs: Json[] },
): Promise<bigint> {
  const parameter = { type: 'string', required: false, description: 'part of the answer', example: '' }
  const outputs = model.outputs.map((output) => ({ name: '', ...parameter, ...(output as object) }))
  const { url, secret, headers, price } = model
  const { id } = await createModel(context, {
    title: 'An operator’s model',
    description: '',
    kind: 'custom',
    state: 'open',
    price,
    serving: {
      provider: 'http',
      vendorModel: '',
      connection: { url, secret, headers, options: { outputs } },
    },
    declaration: { headers: [], inputs: [], outputs },
  })
  return id
}
