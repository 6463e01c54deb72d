import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import sharp from 'sharp'
import { setPrice, setPriceRule, withdrawPriceRule } from '../src/kernel/catalog/administer.ts'
import { updateModel } from '../src/kernel/catalog/models.ts'
import { advanceTask } from '../src/kernel/generation/advance.ts'
import { cancelTask } from '../src/kernel/generation/cancel.ts'
import { claimTasks } from '../src/kernel/generation/claim.ts'
import { editTask } from '../src/kernel/generation/edit.ts'
import { retryTask } from '../src/kernel/generation/retry.ts'
import { submitTask } from '../src/kernel/generation/submit.ts'
import { sweepTasks } from '../src/kernel/generation/sweep.ts'
import { countTokens, mostTokensOf } from '../src/kernel/metering/count-tokens.ts'
import { explainTask } from '../src/kernel/metering/explain-task.ts'
import { amountOf } from '../src/kernel/metering/price-rule.ts'
import { credits, units } from '../src/kernel/money.ts'
import { ProviderError } from '../src/kernel/ports/provider.ts'
import { readStatement } from '../src/kernel/wallet/statement.ts'
import { verifyLedger } from '../src/kernel/wallet/verify.ts'
import { createUser } from './factories.ts'
import { aClip } from './fakes/clips.ts'
import { aDeck, aTool, breaksWith, hangsAfter, writes } from './fakes/writing.ts'
import type { MeteringStage } from './metering-stage.ts'
import {
  CLIP_RULE,
  openMeteringStage,
  PICTURE_RULE,
  TEXT_RULE,
  writesForEver,
  writesWith,
} from './metering-stage.ts'

const ROUNDS = Number(process.env.RACES ?? 40)
const BUDGET = units(1_000)
const never = new AbortController().signal

let stage: MeteringStage
let actor: { accountId: bigint }
const actors: { accountId: bigint }[] = []
before(async () => {
  stage = await openMeteringStage()
})
after(async () => {
  const findings = await verifyLedger(stage.site.context)
  await stage.site.close()
  assert.deepEqual(findings, [])
})
beforeEach(async () => {
  await stage.rows(
    `update task set deadline = now() - interval '1 second' where state in ('queued', 'running', 'unknown')`,
  )
  await sweepTasks(stage.site.context)
  Object.assign(stage.writer, { asked: [], nextText: [], started: [], next: [] })
  await stage.setRule('text', TEXT_RULE)
  await stage.setRule('deck', TEXT_RULE)
  await stage.setRule('image', PICTURE_RULE)
  await stage.setRule('video', CLIP_RULE)
  actor = { accountId: (await createUser(stage.site.context, BUDGET)).accountId }
  actors.push(actor)
})

/** What a text of the tool holds: its bound of the input, and all the output it may have. */
const inputOf = (topic: string): string[] => [aTool.system, `${topic}|专业严谨||`]
const textHold = (topic = '春天') =>
  amountOf(TEXT_RULE, {
    unit: 'tokens',
    inputTokens: mostTokensOf(inputOf(topic)),
    outputTokens: aTool.maxTokens,
  })

test('a text holds the worst it can come to and pays for what its vendor counted; the rest is a row of the statement', async () => {
  const id = await stage.submit(actor, stage.text())
  const hold = textHold()
  assert.deepEqual(await stage.wallet(actor), { available: BUDGET - hold, held: hold, spent: 0n })
  assert.match(await stage.words(id), /are held until it ends/)
  stage.writer.nextText.push(writesWith({ inputTokens: 40, outputTokens: 1_000 }, '第一段。', '第二段。'))
  await stage.advance()
  // 40 × 0.0005 + 1,000 × 0.002 = 2.02
  const paid = 20_200n
  assert.deepEqual(await stage.wallet(actor), { available: BUDGET - paid, held: 0n, spent: paid })
  const { items } = await readStatement(stage.site.context, actor, { page: 1, limit: 2, filter: null })
  assert.deepEqual(
    items.map(({ kind, amount }) => [kind, amount]),
    [
      ['difference', hold - paid],
      ['hold', -hold],
    ],
  )
  const record = await stage.record(id)
  assert.deepEqual([record.state, record.cost, record.charged], ['succeeded', hold, paid])
  const [version] = await stage.rows<{ version: number }>(
    `select max(version) as version from price where subject = $1`,
    [record.explanation?.subject],
  )
  assert.deepEqual(record.explanation, {
    subject: record.explanation?.subject,
    version: version?.version,
    rule: TEXT_RULE,
    most: { unit: 'tokens', inputTokens: mostTokensOf(inputOf('春天')), outputTokens: 4_000 },
    hold: Number(hold),
    counted: { unit: 'tokens', inputTokens: 40, outputTokens: 1_000 },
    by: 'vendor',
    charged: Number(paid),
  })
  assert.match(
    await stage.words(id),
    /0\.5 credits per 1,000 tokens of input and 2 per 1,000 of output, at least 0\.01[\s\S]*The vendor counted 40 tokens of input and 1000 of output: 2\.02 credits\.\n2\.02 credits were charged, and [\d.]+ credits went back\./,
  )
})

test('what its vendor does not count, or counts as nothing, is estimated here and said to be', async () => {
  for (const usage of [null, { inputTokens: 40, outputTokens: 0 }]) {
    const id = await stage.submit(actor, stage.text())
    stage.writer.nextText.push(writesWith(usage, '春'.repeat(600), '天'.repeat(400)))
    await stage.advance()
    const { explanation, charged } = await stage.record(id)
    const counted = { unit: 'tokens', inputTokens: countTokens(inputOf('春天')), outputTokens: 700 } as const
    assert.deepEqual([explanation?.counted, explanation?.by], [counted, 'us'])
    assert.equal(charged, amountOf(TEXT_RULE, counted))
    assert.match(await stage.words(id), /We counted/)
  }
})

test('a vendor that counts more than was held for is paid what was held, and the explanation says so', async () => {
  const id = await stage.submit(actor, stage.text())
  stage.writer.nextText.push(writesWith({ inputTokens: 100_000, outputTokens: 100_000 }, '一段。'))
  await stage.advance()
  const hold = textHold()
  assert.equal((await stage.record(id)).charged, hold)
  assert.deepEqual(await stage.wallet(actor), { available: BUDGET - hold, held: 0n, spent: hold })
  assert.match(await stage.words(id), /The other [\d.]+ credits are the house's/)
})

test('a text that does not end is ended when it has been worth its hold: the vendor is hung up on, the words are kept', async () => {
  const id = await stage.submit(actor, stage.text())
  const { seen, write } = writesForEver('天'.repeat(100))
  stage.writer.nextText.push(write)
  await stage.advance()
  assert.equal(seen.aborted, true)
  const pieces = seen.pieces
  await new Promise((resolve) => setTimeout(resolve, 50))
  assert.equal(seen.pieces, pieces, 'nothing is written for nobody')
  const [work] = await stage.rows<{ body: string; is_cut: boolean; state: string }>(
    'select body, is_cut, state from work where task_id = $1',
    [id],
  )
  assert.deepEqual([work?.body.length, work?.is_cut, work?.state], [pieces * 100, true, 'ready'])
  const { charged, explanation } = await stage.record(id)
  assert.equal(charged, textHold())
  // 70 tokens a piece: not one piece more than the hold pays for.
  const counted = explanation?.counted
  assert.equal(counted?.unit, 'tokens')
  const one = { unit: 'tokens' as const, inputTokens: 0, outputTokens: 70 }
  assert.ok(
    counted?.unit === 'tokens' &&
      amountOf({ ...TEXT_RULE, minimum: 0 }, counted) - charged <
        amountOf({ ...TEXT_RULE, minimum: 0 }, one) + 2n,
  )
})

test('a deck pays for the attempt that came to be, and not for the one that was none', async () => {
  const id = await stage.submit(actor, stage.deck())
  stage.writer.nextText.push(writesWith({ inputTokens: 500, outputTokens: 3_000 }, 'no deck at all'))
  await stage.advance()
  await stage.makeDue()
  stage.writer.nextText.push(writesWith({ inputTokens: 600, outputTokens: 1_000 }, JSON.stringify(aDeck)))
  await stage.advance()
  const { state, charged, explanation } = await stage.record(id)
  assert.deepEqual([state, charged], ['succeeded', 23_000n])
  assert.deepEqual(explanation?.counted, { unit: 'tokens', inputTokens: 600, outputTokens: 1_000 })
})

const picture = (side: number) =>
  sharp({ create: { width: side, height: side, channels: 3, background: '#d97757' } })
    .png()
    .toBuffer()
const pictures = async (...sides: number[]) =>
  Promise.all(
    sides.map(async (side) => ({
      bytes: await picture(side),
      mediaType: 'image/png',
      width: side,
      height: side,
    })),
  )

test('pictures hold their number by the size that was asked for, and pay for those that came by the size they have', async () => {
  const id = await stage.submit(actor, stage.picture(4, 200))
  assert.equal((await stage.wallet(actor)).held, units(100))
  stage.writer.next.push(async () => ({ state: 'done', outputs: await pictures(200, 80, 200) }))
  await stage.advance()
  const { charged, explanation } = await stage.record(id)
  assert.equal(charged, units(60))
  assert.deepEqual(
    [explanation?.counted, explanation?.by],
    [{ unit: 'pictures', pixels: [40_000, 6_400, 40_000] }, 'us'],
  )
  assert.match(await stage.words(id), /pictures: 2 of 40000 pixels, 1 of 6400 pixels: 60 credits/)
})

test('larger or more pictures than were asked for cost no more than was held; fewer by the vendor cost less', async () => {
  const cases = [
    { sides: [200, 200, 200], usage: undefined, charged: units(20) },
    { sides: [100, 100], usage: { pictures: 1 }, charged: units(10) },
    { sides: [100], usage: { pictures: 2 }, charged: units(10) },
    { sides: [100, 100], usage: { pictures: 0 }, charged: units(20) },
    { sides: [100, 100], usage: { pictures: Number.NaN }, charged: units(20) },
  ]
  for (const { sides, usage, charged } of cases) {
    const id = await stage.submit(actor, stage.picture(2, 100))
    stage.writer.next.push(async () => ({
      state: 'done',
      outputs: await pictures(...sides),
      ...(usage && { usage }),
    }))
    await stage.advance()
    assert.equal((await stage.record(id)).charged, charged, JSON.stringify({ sides, usage }))
  }
})

test('a clip holds the seconds that were asked for and pays for those that its vendor counted, or that it has', async () => {
  const bytes = await aClip({ frames: 20 })
  for (const [usage, paid, by] of [
    [{ seconds: 4 }, units(24), 'vendor'],
    [{ seconds: 60 }, units(30), 'vendor'],
    // Twenty frames, ten a second.
    [undefined, units(12), 'us'],
    [{ seconds: -1 }, units(12), 'us'],
  ] as const) {
    const id = await stage.submit(actor, stage.clip(5))
    assert.equal((await stage.record(id)).cost, units(30))
    stage.writer.next.push(async () => ({
      state: 'done',
      outputs: [{ bytes, mediaType: 'video/mp4', width: 64, height: 48 }],
      ...(usage && { usage }),
    }))
    await stage.advance()
    const record = await stage.record(id)
    assert.deepEqual([record.charged, record.explanation?.by], [paid, by], JSON.stringify(usage))
  }
})

test('a wallet that cannot pay the hold is refused, with what is missing; one that just can is not', async () => {
  const hold = textHold()
  const poor = { accountId: (await createUser(stage.site.context, credits(hold - 1n))).accountId }
  await assert.rejects(stage.submit(poor, stage.text()), {
    code: 'insufficient_credits',
    details: { required: hold, available: hold - 1n, wasMember: false },
  })
  const just = { accountId: (await createUser(stage.site.context, hold)).accountId }
  const id = await stage.submit(just, stage.text())
  assert.deepEqual(await stage.wallet(just), { available: 0n, held: hold, spent: 0n })
  await cancelTask(stage.site.context, just, id)
  actors.push(poor, just)
})

test('a rule that came, changed or went since the catalogue was read is never sold at what it was', async () => {
  const { context } = stage.site
  const model = context.catalog.models().find(({ kind, isDefault }) => kind === 'image' && isDefault)
  const subject = `model:${model?.id}`
  const add = (price: bigint, rule: object | null, isWithdrawn = false) =>
    stage.rows(
      `insert into price (subject, version, credits, source, rule, is_withdrawn)
       select $1, max(version) + 1, $2, 'operator', $3, $4 from price where subject = $1`,
      [subject, price, rule && JSON.stringify(rule), isWithdrawn],
    )
  // Behind the catalogue's back, as another process would before its event arrives.
  await add(30_000n, null)
  const fixed = await stage.submit(actor, stage.picture(1))
  assert.deepEqual(
    [(await stage.record(fixed)).cost, (await stage.record(fixed)).explanation],
    [30_000n, null],
  )
  await add(1n, PICTURE_RULE)
  const metered = await stage.submit(actor, stage.picture(1))
  assert.equal((await stage.record(metered)).cost, units(10))
  await add(1n, { ...PICTURE_RULE, sizes: [{ mostPixels: null, credits: 70_000 }] })
  assert.equal((await stage.record(await stage.submit(actor, stage.picture(1)))).cost, units(7))
  await add(0n, null, true)
  const ofKind = await stage.record(await stage.submit(actor, stage.picture(1)))
  assert.equal(ofKind.cost, units(20), "the kind's price")
})

test('whoever knows fixed prices alone is told that the price changed, and sells nothing', async () => {
  const { context } = stage.site
  const quote = context.catalog.quote('image', null, 1)
  const [row] = await stage.rows<{ outcome: string }>(
    `select outcome from submit_task_v3($1, $2, 'old', 'image', $3, '{open}', $4, $5, $6, null, '{}', '{}', 'queued',
       interval '1 hour', 5, null, null, null, null, null, false)`,
    [context.keys.chain, actor.accountId, quote.model.id, quote.subject, quote.version, quote.cost],
  )
  assert.equal(row?.outcome, 'price_changed')
  assert.deepEqual(await stage.wallet(actor), { available: BUDGET, held: 0n, spent: 0n })
})

test('a worker of the version before ends a metered task at its whole hold, and takes no more than that', async () => {
  const { chain } = stage.site.context.keys
  const id = await stage.submit(actor, stage.picture(2))
  const task = await stage.claimOne()
  const end = (charge: bigint) =>
    stage.rows(`select finish_task_v2($1, $2, $3, 'succeeded', $4, null, null, '[]', null, false)`, [
      chain,
      id,
      task.generation,
      charge,
    ])
  await assert.rejects(end(task.cost + 1n), /violates check constraint/)
  await end(task.cost)
  const { charged, explanation } = await stage.record(id)
  assert.deepEqual([charged, explanation?.charged, explanation?.counted], [units(20), 200_000, undefined])
  assert.match(await stage.words(id), /At most, pictures: 2 of 10000 pixels[\s\S]*20 credits were charged\./)
})

test('a member holds nothing and pays nothing, and its text is not cut for that', async () => {
  await stage.rows(`select extend_membership_v2($1, 'monthly', 1, interval '30 days')`, [actor.accountId])
  const id = await stage.submit(actor, stage.text())
  assert.equal((await stage.record(id)).cost, 0n)
  stage.writer.nextText.push(writesWith({ inputTokens: 40, outputTokens: 1_000 }, '一', '二', '三'))
  await stage.advance()
  const [work] = await stage.rows<{ body: string; is_cut: boolean }>(
    'select body, is_cut from work where task_id = $1',
    [id],
  )
  assert.deepEqual(work, { body: '一二三', is_cut: false })
  assert.deepEqual(await stage.wallet(actor), { available: BUDGET, held: 0n, spent: 0n })
  assert.match(
    await stage.words(id),
    /The vendor counted 40 tokens[\s\S]*Nothing was taken: the account was a member/,
  )
})

test('what is canceled, fails, or is lost with its worker in the middle of a text costs nothing, and says why', async () => {
  const { context } = stage.site
  const canceled = await stage.submit(actor, stage.text())
  await cancelTask(context, actor, canceled)

  const failed = await stage.submit(actor, stage.text())
  stage.writer.nextText.push(breaksWith(new ProviderError('content', 'no'), '一半'))
  await stage.advance()

  const lost = await stage.submit(actor, stage.text())
  const seen = { aborted: false }
  stage.writer.nextText.push(hangsAfter('写到一半', seen))
  const killed = new AbortController()
  const running = advanceTask(context, await stage.claimOne(), killed.signal)
  while (stage.writer.asked.length < 2) await new Promise((resolve) => setTimeout(resolve, 5))
  killed.abort(new Error('the worker is gone'))
  await running
  assert.equal(seen.aborted, true)
  await stage.rows('update task set due_at = now() where id = $1', [lost])
  await stage.advance()
  assert.equal((await stage.record(lost)).state, 'unknown', 'the vendor is not asked again')
  assert.equal(stage.writer.asked.length, 2)
  await stage.rows(`update task set deadline = now() - interval '1 second' where id = $1`, [lost])
  await sweepTasks(context)

  for (const [id, state] of [
    [canceled, 'canceled'],
    [failed, 'failed'],
    [lost, 'failed'],
  ] as const) {
    const record = await stage.record(id)
    assert.deepEqual([record.state, record.charged, record.explanation?.charged], [state, 0n, 0])
    assert.match(
      await stage.words(id),
      /Nothing was charged, and [\d.]+ credits went back: it (was canceled|failed)/,
    )
  }
  assert.deepEqual(await stage.wallet(actor), { available: BUDGET, held: 0n, spent: 0n })
})

test('a retry holds anew at the price of today, a rule or none; an edit by what is asked for now', async () => {
  const { context } = stage.site
  const id = await stage.submit(actor, stage.text())
  stage.writer.nextText.push(breaksWith(new ProviderError('rejected', 'no')))
  await stage.advance()
  await stage.setRule('text', { ...TEXT_RULE, outputPer1000: 40_000 })
  await retryTask(context, actor, id, { ip: null, device: null })
  const again = await stage.record(id)
  assert.equal(again.cost, textHold() + 80_000n)
  assert.equal(again.explanation?.charged, undefined)
  const edit = stage.text('春'.repeat(100))
  const { model } = context.catalog.quote('text', null, 1)
  await editTask(context, actor, id, { ...edit, model: model.id })
  assert.equal((await stage.record(id)).cost, textHold('春'.repeat(100)) + 80_000n)
  stage.writer.nextText.push(breaksWith(new ProviderError('rejected', 'no')))
  await stage.advance()
  await withdrawPriceRule(context, String(model.id))
  await retryTask(context, actor, id, { ip: null, device: null })
  const fixed = await stage.record(id)
  assert.deepEqual([fixed.cost, fixed.explanation], [units(10), null])
  stage.writer.nextText.push(writes('好。'))
  await stage.advance()
  const paid = await stage.record(id)
  assert.equal(paid.charged, units(10))
  assert.deepEqual([paid.explanation?.rule, paid.explanation?.charged], [null, 100_000])
  assert.match(
    await stage.words(id),
    /10 credits for one output[\s\S]*It came to 1 output\.\n10 credits were charged\./,
  )
})

test('withdrawing a rule brings back what was before: a fixed price, or the price of tool and kind', async () => {
  const { context } = stage.site
  const cost = () => context.catalog.quote('text', null, 1, ['open'], `tool:${aTool.name}`).cost
  const { model } = context.catalog.quote('text', null, 1)
  await withdrawPriceRule(context, model.name)
  assert.equal(cost(), units(10), "the tool's")
  await assert.rejects(withdrawPriceRule(context, model.name), { code: 'input_invalid' })
  await setPrice(context, model.name, units(7))
  await stage.setRule('text', TEXT_RULE)
  await stage.setRule('text', { ...TEXT_RULE, minimum: 0 })
  assert.equal(await withdrawPriceRule(context, model.name), units(7))
  assert.equal(cost(), units(7))
  await assert.rejects(setPriceRule(context, 'nothing', TEXT_RULE), { code: 'model_not_found' })
  await assert.rejects(setPriceRule(context, model.name, PICTURE_RULE), { code: 'input_invalid' })
})

test('a front-end that sends back the price it was shown keeps the rule; another price replaces it', async () => {
  const { context } = stage.site
  const { model } = context.catalog.quote('image', null, 1)
  const shown = await updateModel(context, model.id, { title: '图' })
  assert.equal(shown.price, units(25))
  await updateModel(context, model.id, { title: '图像', price: shown.price })
  assert.notEqual(context.catalog.quote('image', null, 1).rule, null)
  await assert.rejects(updateModel(context, model.id, { kind: 'video' }), { code: 'input_invalid' })
  await updateModel(context, model.id, { price: units(3) })
  const quote = context.catalog.quote('image', null, 2)
  assert.deepEqual([quote.rule, quote.cost], [null, units(6)])
})

test('where a document shows whole credits, holds and charges are whole', async () => {
  const whole = { ...TEXT_RULE, roundTo: 10_000 }
  await stage.setRule('text', whole)
  const id = await stage.submit(actor, stage.text())
  const { cost } = await stage.record(id)
  assert.equal(cost % 10_000n, 0n)
  stage.writer.nextText.push(writesWith({ inputTokens: 40, outputTokens: 1_000 }, '一段。'))
  await stage.advance()
  assert.equal((await stage.record(id)).charged, units(3))
  assert.match(await stage.words(id), /rounded up to whole credits/)
})

test('an explanation is found by number and by handle, and of nothing it is refused', async () => {
  const { context } = stage.site
  const id = await stage.submit(actor, stage.picture(1))
  const byNumber = await explainTask(context, String(id))
  assert.equal((await explainTask(context, byNumber.handle)).id, id)
  await assert.rejects(explainTask(context, 'no such task'), { code: 'task_not_found' })
})

test('of finish, cancel, deadline and a second sweep one ends a metered task; captured + released = held', async () => {
  const { context } = stage.site
  const elsewhere = await stage.site.another()
  const ends: Record<string, number> = {}
  for (let round = 0; round < ROUNDS; round += 1) {
    const user = { accountId: (await createUser(context, BUDGET)).accountId }
    actors.push(user)
    const { taskId } = await submitTask(context, user, stage.text())
    stage.writer.nextText.push(writesWith({ inputTokens: 40, outputTokens: 1_000 }, '第一段。'))
    const [task] = await claimTasks(elsewhere, 'race', 1, 60_000)
    assert.equal(task?.id, taskId)
    const after = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms * Math.random()))
    const overdue = async () => {
      await after(6)
      await stage.rows(`update task set deadline = now() - interval '1 second' where id = $1`, [taskId])
      await sweepTasks(context)
    }
    await Promise.allSettled([
      task && advanceTask(elsewhere, task, never),
      after(6).then(() => cancelTask(context, user, taskId)),
      overdue(),
      after(8).then(() => sweepTasks(elsewhere)),
    ])
    const { state, charged, failure, explanation } = await stage.record(taskId)
    ends[failure ?? state] = (ends[failure ?? state] ?? 0) + 1
    assert.equal(charged, state === 'succeeded' ? 20_200n : 0n)
    assert.equal(explanation?.charged, Number(charged))
    assert.deepEqual(await stage.wallet(user), { available: BUDGET - charged, held: 0n, spent: charged })
  }
  console.log(`# ends: ${JSON.stringify(ends)}`)
  assert.ok(Object.keys(ends).length > 1, 'more than one of them has won')
})

test('every hold of this file was settled once', async () => {
  await stage.rows(
    `update task set deadline = now() - interval '1 second' where state in ('queued', 'running', 'unknown')`,
  )
  await sweepTasks(stage.site.context)
  await stage.assertSettled(actors)
})
