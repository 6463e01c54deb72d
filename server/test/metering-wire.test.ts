import assert from 'node:assert/strict'
import { test } from 'node:test'
import { aiCreator } from '../src/dialects/ai-creator/dialect.ts'
import { setPriceRule } from '../src/kernel/catalog/administer.ts'
import { addConnection, serveModel } from '../src/kernel/catalog/administer-connections.ts'
import { advanceTask } from '../src/kernel/generation/advance.ts'
import { claimTasks } from '../src/kernel/generation/claim.ts'
import { submitTask } from '../src/kernel/generation/submit.ts'
import { explainTask } from '../src/kernel/metering/explain-task.ts'
import { credits, units } from '../src/kernel/money.ts'
import { toTextInput } from '../src/kernel/tools/text-input.ts'
import { verifyLedger } from '../src/kernel/wallet/verify.ts'
import { createOpenAiCompatible } from '../src/providers/openai/openai.ts'
import { buildSite } from './build-site.ts'
import { createUser } from './factories.ts'
import { aTool } from './fakes/writing.ts'
import { TEXT_RULE } from './metering-stage.ts'
import { createLoopbackOutbound } from './providers/loopback-outbound.ts'
import { startOpenAiStandIn } from './providers/openai-stand-in.ts'
import { chunk, DONE, event } from './providers/openai-wire.ts'

test("at a vendor's own wire its usage is what is paid, and a stream that does not end is hung up on at the hold", async () => {
  const vendor = await startOpenAiStandIn()
  const outbound = createLoopbackOutbound()
  const site = await buildSite({
    dialect: aiCreator,
    providers: [createOpenAiCompatible(outbound)],
    outbound,
    preset: { writingTools: [aTool], chargeStep: credits(1n) },
  })
  try {
    const { context } = site
    const model = context.catalog.models().find(({ kind }) => kind === 'text')?.name ?? ''
    await addConnection(context, {
      ...{
        name: 'vendor',
        provider: 'openai',
        url: vendor.url,
        options: {},
        secret: vendor.key,
        headers: {},
      },
    })
    await serveModel(context, { model, connection: 'vendor', vendorModel: 'gpt', weight: 1, isOnly: true })
    await setPriceRule(context, model, TEXT_RULE)
    const user = await createUser(context, units(100))
    const run = async () => {
      const { taskId } = await submitTask(context, user, {
        ...toTextInput(context.preset, aTool.name, { topic: '春天' }),
        ...{ model: null, parameters: {}, idempotencyKey: null, origin: { ip: null, device: null } },
      })
      const [task] = await claimTasks(context, 'test', 1, 60_000)
      assert.ok(task)
      await advanceTask(context, task, new AbortController().signal)
      return explainTask(context, String(taskId))
    }

    vendor.next.push((response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write(chunk('春天来了。'))
      response.write(chunk(null, 'stop'))
      const usage = { prompt_tokens: 31, completion_tokens: 500, total_tokens: 531 }
      response.end(
        `${event({ id: 'chatcmpl-1', object: 'chat.completion.chunk', choices: [], usage })}${DONE}`,
      )
    })
    const reported = await run()
    assert.deepEqual(
      [reported.state, reported.explanation?.by, reported.explanation?.counted],
      ['succeeded', 'vendor', { unit: 'tokens', inputTokens: 31, outputTokens: 500 }],
    )
    // 31 × 0.0005 + 500 × 0.002 = 1.0155
    assert.equal(reported.charged, 10_155n)

    let written = 0
    const closed = Promise.withResolvers<void>()
    vendor.next.push((response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      const timer = setInterval(() => {
        written += 1
        response.write(chunk('天'.repeat(200)))
      }, 1)
      response.once('close', () => {
        clearInterval(timer)
        closed.resolve()
      })
    })
    const endless = await run()
    await closed.promise
    assert.equal(vendor.open(), 0)
    assert.deepEqual(
      [endless.state, endless.charged, endless.explanation?.by],
      ['succeeded', endless.held, 'us'],
    )
    // 140 tokens a piece, 4,000 that may be written and what the bound of the input leaves; the rest was on its way.
    assert.ok(written < 400, `${written} pieces`)
    assert.deepEqual(await verifyLedger(context), [])
  } finally {
    await site.close()
    await vendor.close()
  }
})
