// The planted bugs: each is one slip of a hand that would cost somebody money, and the test that must see it.

/** One exact text of a file and what it becomes. The text must occur once. */
export type Change = { file: string; find: string; replace: string }

export type Planted = {
  name: string
  /** What would go wrong, in the words of whoever would pay for it. */
  costs: string
  changes: readonly Change[]
  /** The test that must fail, by file and full name. */
  caughtBy: { file: string; test: string }
}

const LEDGER_SQL = 'server/src/kernel/wallet/ledger.sql'
const SUBMIT_SQL = 'server/src/kernel/generation/submit.sql'
const ADVANCE = 'server/src/kernel/generation/advance.ts'
const ADVANCE_SQL = 'server/src/kernel/generation/advance.sql'
const CHANNELS_SQL = 'server/src/kernel/channels/channels.sql'
const FAIL_OVER = 'server/src/kernel/channels/fail-over.ts'
const ENTER = 'server/src/kernel/channels/enter-channel.ts'
const RECONCILE = 'server/src/kernel/channels/reconcile.ts'
const REGISTER_SQL = 'server/src/kernel/accounts/register.sql'
const LEDGER_MIGRATION = 'server/migrations/0002-wallet.sql'
const OUTCOME = 'server/src/kernel/generation/outcome.ts'
const EDIT = 'server/src/kernel/generation/edit.ts'
const RETRY = 'server/src/kernel/generation/retry.ts'
const KEYS_SQL = 'server/src/kernel/idempotency.sql'
const SWEEP = 'server/src/kernel/generation/sweep.ts'
const EMAIL_CODES = 'server/src/kernel/accounts/email-codes.ts'
const VERIFY = 'server/src/kernel/wallet/verify.ts'
const MONEY = 'server/src/kernel/money.ts'

const ORDERS_SQL = 'server/src/kernel/payments/orders.sql'
const MEMBERSHIPS_SQL = 'server/src/kernel/memberships/extend.sql'
const PROMOTIONS_SQL = 'server/src/kernel/promotions/promotions.sql'
const PROMOTIONS_MIGRATION = 'server/migrations/0013-memberships-and-promotions.sql'
const QUOTAS_SQL = 'server/src/kernel/limits/quotas.sql'
const SQUARE_SQL = 'server/src/kernel/square/square.sql'
const REPLY_SQL = 'server/src/kernel/assistant/reply.sql'
const STOP_REPLY = 'server/src/kernel/assistant/stop-reply.ts'
const REDEEM_SQL = 'server/src/kernel/promotions/redeem-codes.sql'
const VOUCHERS_SQL = 'server/src/kernel/wallet/vouchers.sql'
const CALLBACK = 'server/src/kernel/payments/callback.ts'
const PRICE_RULE = 'server/src/kernel/metering/price-rule.ts'
const QUOTE_TASK = 'server/src/kernel/metering/quote-task.ts'
const COUNT_TOKENS = 'server/src/kernel/metering/count-tokens.ts'
const WRITE = 'server/src/kernel/generation/write.ts'
const WRITE_REPLY = 'server/src/kernel/assistant/write-reply.ts'

const SUBMIT = 'server/src/kernel/generation/submit.ts'
const ENSURE_CONNECTIONS = 'server/src/kernel/catalog/ensure-connections.ts'

const moderation = (test: string) => ({ file: 'server/test/moderation.test.ts', test })
const vendorsByKey = (test: string) => ({ file: 'server/test/vendors-by-key.test.ts', test })
const deals = (test: string) => ({ file: 'server/test/deals.test.ts', test })
const credit = (test: string) => ({ file: 'server/src/dialects/ai-creator/credit.test.ts', test })
const rule = (test: string) => ({ file: 'server/src/kernel/metering/price-rule.test.ts', test })
const metering = (test: string) => ({ file: 'server/test/metering.test.ts', test })
const replies = (test: string) => ({ file: 'server/test/metering-replies.test.ts', test })
const quotas = (test: string) => ({ file: 'server/src/dialects/plaza/quotas.test.ts', test })
const square = (test: string) => ({ file: 'server/src/kernel/square/square.test.ts', test })
const plansAndCodes = (test: string) => ({ file: 'server/test/plans-and-codes.test.ts', test })
const ledger = (test: string) => ({ file: 'server/test/ledger.test.ts', test })
const contention = (test: string) => ({ file: 'server/test/contention.test.ts', test })
const approval = (test: string) => ({ file: 'server/src/kernel/generation/approval.test.ts', test })
const advance = (test: string) => ({ file: 'server/src/kernel/generation/advance.test.ts', test })
const channels = (test: string) => ({ file: 'server/test/channels.test.ts', test })
const reconcile = (test: string) => ({ file: 'server/test/reconcile.test.ts', test })
const outputs = (test: string) => ({ file: 'server/src/kernel/works/store-outputs.test.ts', test })
const change = (file: string, find: string, replace: string): Change => ({ file, find, replace })

const NO_GUARD = change(
  LEDGER_SQL,
  `
    and (v_available >= 0 or w.available + w.credit_limit + v_available >= 0)`,
  '',
)
const NO_LIMIT_CHECK = change(
  LEDGER_MIGRATION,
  `  constraint available_stays_within_the_credit_limit check (available + credit_limit >= 0),
`,
  '',
)
const NO_EFFECT_INDEX = change(
  LEDGER_MIGRATION,
  'create unique index one_entry_per_effect',
  'create index one_entry_per_effect',
)

export const PLANTED: readonly Planted[] = [
  // The wallet
  {
    name: 'post-without-guard',
    costs:
      'A wallet that cannot pay is refused by a CHECK alone: an error of the house instead of a refusal.',
    changes: [NO_GUARD],
    caughtBy: ledger('too little credit is a refusal that says how much there is'),
  },
  {
    name: 'post-without-guard-and-check',
    costs: 'Many requests at once spend what is there once.',
    changes: [NO_GUARD, NO_LIMIT_CHECK],
    caughtBy: contention('100 pictures at once with credits for seven: seven are made'),
  },
  {
    name: 'credit-limit-counted-twice',
    costs: 'An account goes into debt by twice its limit.',
    changes: [
      change(
        LEDGER_SQL,
        'w.available + w.credit_limit + v_available >= 0',
        'w.available + 2 * w.credit_limit + v_available >= 0',
      ),
      NO_LIMIT_CHECK,
    ],
    caughtBy: ledger('a credit limit may be used up, and not passed'),
  },
  {
    name: 'effect-index-dropped',
    costs: 'An order, a bonus or an adjustment that is delivered twice is credited twice.',
    changes: [NO_EFFECT_INDEX],
    caughtBy: contention('the same adjustment a hundred times has one effect'),
  },
  {
    name: 'balance-before-is-after',
    costs: 'The statement that a user reads does not add up to the balance.',
    changes: [
      change(
        LEDGER_SQL,
        'p_amount, v_after - v_available, v_after,',
        'p_amount, v_after, v_after + v_available,',
      ),
    ],
    caughtBy: ledger('the statement adds up to the balance, row by row'),
  },
  {
    name: 'exponent-is-an-amount',
    costs: 'An amount of "1e2" or " 1" is taken for what its sender did not mean.',
    changes: [change(MONEY, '.exec(String(value))', '.exec(String(Number(value)))')],
    caughtBy: ledger('an amount is decimal text with at most four decimals, and nothing else'),
  },
  {
    name: 'not-a-number-is-an-amount',
    costs: 'NaN becomes a price of nothing.',
    changes: [change(MONEY, 'if (!match) return null', 'if (!match) return 0n as Credits')],
    caughtBy: ledger('an amount is decimal text with at most four decimals, and nothing else'),
  },
  {
    name: 'fifth-decimal-cut-off',
    costs: 'Of every 1.00009 the fraction is lost without a word.',
    changes: [change(MONEY, '(\\d{1,4}))?$/', '(\\d{1,4}))?/')],
    caughtBy: ledger('an amount is decimal text with at most four decimals, and nothing else'),
  },
  {
    name: 'amount-past-the-largest',
    costs: 'One adjustment moves more than a wallet may ever hold.',
    changes: [change(MONEY, 'if (amount > MOST_CREDITS) return null', '')],
    caughtBy: ledger('an amount is decimal text with at most four decimals, and nothing else'),
  },

  // Holds
  {
    name: 'hold-settled-twice',
    costs: 'A hold is paid and then given back; only the index on effects stands in the way.',
    changes: [change(LEDGER_SQL, `where id = p_hold and state = 'open'`, 'where id = p_hold')],
    caughtBy: ledger('a hold is settled once'),
  },
  {
    name: 'hold-settled-twice-without-index',
    costs: 'A hold is paid and then given back, out of what other tasks hold.',
    changes: [
      change(LEDGER_SQL, `where id = p_hold and state = 'open'`, 'where id = p_hold'),
      NO_EFFECT_INDEX,
    ],
    caughtBy: ledger('a hold is settled once'),
  },
  {
    name: 'capture-above-the-hold',
    costs: 'A task costs its user more than was agreed, out of what other tasks hold.',
    changes: [change(LEDGER_MIGRATION, 'check (captured between 0 and amount)', 'check (captured >= 0)')],
    caughtBy: ledger('a capture above its hold is refused, even where other holds could pay it'),
  },
  {
    name: 'difference-kept',
    costs: 'A task that cost less than was held keeps the rest for ever.',
    changes: [change(LEDGER_SQL, 'if p_capture < v_hold.amount then', 'if p_capture = 0 then')],
    caughtBy: ledger('a task pays what it really cost, and the difference comes back'),
  },
  {
    name: 'charge-the-price-not-the-cost',
    costs: 'A task that really cost 5 of 20 is charged 20.',
    changes: [
      change(
        ADVANCE_SQL,
        'resolve_hold_v1(p_key, v_task.hold_id, p_charge)',
        'resolve_hold_v1(p_key, v_task.hold_id, v_task.cost)',
      ),
    ],
    caughtBy: ledger('a task pays what it really cost, and the difference comes back'),
  },
  {
    name: 'failure-is-charged',
    costs: 'A task that failed costs as much as one that succeeded.',
    changes: [change(OUTCOME, `    0n,\n    failure,`, `    task.cost,\n    failure,`)],
    caughtBy: advance('a provider that says rejected ends the task and gives everything back, once asked'),
  },
  {
    name: 'hold-forgotten-at-the-end',
    costs: 'The hold of a canceled or overdue task is never given back.',
    changes: [
      change(
        ADVANCE_SQL,
        'if resolve_hold_v1(p_key, v_task.hold_id, v_charge) is null then',
        'if false then',
      ),
    ],
    caughtBy: advance('an ambiguous start is never sent again; the deadline gives the hold back'),
  },

  // The fence
  {
    name: 'finish-without-fence',
    costs: 'A worker that lost its lease finishes the task of another, with files that are cleared away.',
    changes: [
      change(
        ADVANCE_SQL,
        `where id = p_task and generation = p_generation and state = 'running'
  returning * into v_task;`,
        `where id = p_task and state = 'running'
  returning * into v_task;`,
      ),
    ],
    caughtBy: advance('a worker whose lease lapsed writes nothing: the fence holds'),
  },
  {
    name: 'finish-in-any-state',
    costs: 'A finish that is repeated after a lost acknowledgement is carried out again.',
    changes: [
      change(
        ADVANCE_SQL,
        `where id = p_task and generation = p_generation and state = 'running'
  returning * into v_task;`,
        `where id = p_task and generation = p_generation
  returning * into v_task;`,
      ),
    ],
    caughtBy: ledger('the same finish sent twice, after a lost acknowledgement, is carried out once'),
  },
  {
    name: 'requeue-without-fence',
    costs:
      'A worker that lost its lease sends a task back that another is working on: the vendor is paid twice.',
    changes: [
      change(
        CHANNELS_SQL,
        `due_at = now() + p_after, operation = null,
    remote_id = null, updated_at = now(), attempts = greatest(0, attempts - case when p_counts then 0 else 1 end),
    refused_by = case when p_refused_by is null or p_refused_by = any (refused_by) then refused_by
      else refused_by || p_refused_by end
  where id = p_task and generation = p_generation`,
        `due_at = now() + p_after, operation = null,
    remote_id = null, updated_at = now(), attempts = greatest(0, attempts - case when p_counts then 0 else 1 end),
    refused_by = case when p_refused_by is null or p_refused_by = any (refused_by) then refused_by
      else refused_by || p_refused_by end
  where id = p_task`,
      ),
    ],
    caughtBy: ledger('nothing that a stale worker writes is taken'),
  },
  {
    name: 'doubt-without-fence',
    costs: 'A worker that lost its lease takes a task away from the one that is doing it.',
    changes: [
      change(
        CHANNELS_SQL,
        `set state = 'unknown', worker = null, look_at = now() + p_look_after, updated_at = now()
  where id = p_task and generation = p_generation`,
        `set state = 'unknown', worker = null, look_at = now() + p_look_after, updated_at = now()
  where id = p_task`,
      ),
    ],
    caughtBy: ledger('nothing that a stale worker writes is taken'),
  },
  {
    name: 'lease-extended-by-anyone',
    costs: 'A worker that lost its lease is told to go on: two of them pay a vendor for one task.',
    changes: [
      change(
        ADVANCE_SQL,
        `join held on t.id = held.id and t.generation = held.generation`,
        'join held on t.id = held.id',
      ),
    ],
    caughtBy: advance('a worker whose lease lapsed writes nothing: the fence holds'),
  },
  {
    name: 'claim-without-lease-check',
    costs: 'A task that a worker holds is claimed by the next one that asks.',
    changes: [
      change(
        CHANNELS_SQL,
        `where state = 'running' and operation is null and due_at <= now()`,
        `where state = 'running' and operation is null`,
      ),
    ],
    caughtBy: advance('a live lease is not claimable, whoever asks'),
  },
  {
    name: 'claim-before-due',
    costs: 'A vendor that said "later" is asked at once, over and over.',
    changes: [change(CHANNELS_SQL, `where state = 'queued' and due_at <= now()`, `where state = 'queued'`)],
    caughtBy: advance(
      'a provider that is unavailable is asked again later, up to five times, on the same hold',
    ),
  },
  {
    name: 'claim-of-waiting-without-lock',
    costs: 'Two workers claim one waiting task: two attempts are on record, two may be paid for.',
    changes: [
      change(
        CHANNELS_SQL,
        'order by turn limit p_take - coalesce(cardinality(v_due), 0) for update skip locked)',
        'order by turn limit p_take - coalesce(cardinality(v_due), 0))',
      ),
    ],
    caughtBy: ledger('a claim takes nothing that another is just taking, be it waiting or lapsed'),
  },
  {
    name: 'claim-of-lapsed-without-lock',
    costs: 'Two workers take over the same task of a dead one.',
    changes: [
      change(
        CHANNELS_SQL,
        'order by due_at limit p_take for update skip locked) lapsed',
        'order by due_at limit p_take) lapsed',
      ),
    ],
    caughtBy: ledger('a claim takes nothing that another is just taking, be it waiting or lapsed'),
  },
  {
    name: 'end-without-raising-generation',
    costs: 'The claim of a canceled task stays good: a second line of defence is gone.',
    changes: [
      change(
        ADVANCE_SQL,
        `charged = 0, worker = null,
      generation = generation + 1,`,
        'charged = 0, worker = null,',
      ),
    ],
    caughtBy: ledger(`a task that was ended is out of its worker's hands`),
  },
  {
    name: 'end-in-any-state',
    costs: 'A picture that was delivered is canceled and given back.',
    changes: [change(ADVANCE_SQL, '\n      and state = any (p_states)', '')],
    caughtBy: ledger('what has ended cannot be canceled, and nobody ends the task of another'),
  },
  {
    name: 'end-of-a-foreign-task',
    costs: 'One account ends the tasks of another.',
    changes: [change(ADVANCE_SQL, '\n      and (p_account is null or account_id = p_account)', '')],
    caughtBy: ledger('what has ended cannot be canceled, and nobody ends the task of another'),
  },

  // The vendor
  {
    name: 'takeover-sends-again',
    costs: 'A worker dies after the call of a paid vendor, the next one calls it again: paid twice.',
    changes: [change(RECONCILE, 'if (!channel || provider?.repeatable) {', 'if (!channel || provider) {')],
    caughtBy: advance(
      'a worker lost after the call of a paid vendor leaves the task unknown, not sent twice',
    ),
  },
  {
    name: 'call-before-record',
    costs: 'A paid vendor is called without a record of it, so that a takeover thinks nothing was sent.',
    changes: [change(ENTER, 'if (provider.repeatable && !isCapped) return', 'if (!isCapped) return')],
    caughtBy: advance(
      'a worker lost after the call of a paid vendor leaves the task unknown, not sent twice',
    ),
  },
  {
    name: 'doubt-goes-to-another-channel',
    costs: 'A vendor whose answer was lost has made the picture, and another one is paid for it too.',
    changes: [
      change(
        FAIL_OVER,
        "error.kind === 'unavailable')",
        "error.kind === 'unavailable' || error.kind === 'ambiguous')",
      ),
    ],
    caughtBy: channels('an ambiguous start is never sent again, whatever other channel is free'),
  },
  {
    name: 'dead-channel-uses-attempts-up',
    costs: 'Tasks fail because one of two vendors is away.',
    changes: [
      change(FAIL_OVER, 'if (isThrottled || at.isProbe || hasFresh)', 'if (isThrottled || at.isProbe)'),
    ],
    caughtBy: channels(
      'of two connections one dies among many tasks: nothing fails, nothing is paid twice, its breaker opens and recovers',
    ),
  },
  {
    name: 'place-free-before-the-job-has-ended',
    costs: 'A vendor that takes three jobs gets thirty, and closes the account.',
    changes: [
      change(
        CHANNELS_SQL,
        `where credential = p_credential and sent_at is not null and ended_at is null;`,
        `where credential = p_credential and sent_at is not null and ended_at is null and operation is null;`,
      ),
    ],
    caughtBy: channels('caps hold over two processes, until the operation has ended'),
  },
  {
    name: 'patience-is-not-kept',
    costs: 'A vendor that asks for patience is called by everybody at once, and closes the account.',
    changes: [
      change(ENTER, 'if (isThrottled) context.vendorGates.throttle(credential, now, error.retryAfterMs)', ''),
    ],
    caughtBy: channels('a vendor that asks for patience gets it from everybody, and nobody fails for it'),
  },
  {
    name: 'verdict-keeps-the-hold',
    costs: 'An operator ends the doubt about a task, and its user never gets his credits back.',
    changes: [
      change(CHANNELS_SQL, 'if resolve_hold_v1(p_key, v_task.hold_id, 0) is null then', 'if false then'),
    ],
    caughtBy: reconcile('an operator finds the doubtful, and ends their doubt once'),
  },
  {
    name: 'orphan-forgotten',
    costs: 'A job that started while its task was canceled is made and paid for, and nobody knows of it.',
    changes: [
      change(
        OUTCOME,
        'if (!kept?.done && task.operation === null) await keepOrphan',
        'if (!kept) await keepOrphan',
      ),
    ],
    caughtBy: {
      file: 'server/src/kernel/generation/call-off.test.ts',
      test: 'a job whose task is canceled while it is being started is called off',
    },
  },
  {
    name: 'unforeseen-error-sends-again',
    costs: 'A connection that broke after the request was sent makes the house buy the same picture again.',
    changes: [
      change(
        OUTCOME,
        `error.kind : provider.repeatable ? 'unavailable' : 'ambiguous'`,
        `error.kind : 'unavailable'`,
      ),
    ],
    caughtBy: ledger('an error that nobody foresaw, from a paid vendor, is not an invitation to send again'),
  },
  {
    name: 'finished-before-stored',
    costs: 'A user pays for a picture that the house does not have.',
    changes: [
      change(
        OUTCOME,
        'files = await storeOutputs(context, task, step.outputs, signal)',
        'files = []; void storeOutputs(context, task, step.outputs, signal)',
      ),
    ],
    caughtBy: advance('a finished task pays its hold and has its file'),
  },
  {
    name: 'empty-success-is-paid',
    costs: 'A vendor that answers with nothing is paid for it by the user.',
    changes: [change(OUTCOME, 'if (step.outputs.length === 0 && ', 'if (step.outputs.length < 0 && ')],
    caughtBy: advance('an empty success is not a success'),
  },

  {
    name: 'unfetched-is-started-again',
    costs: 'A paid vendor whose file cannot be fetched is paid for the same picture up to five times.',
    changes: [change(OUTCOME, '(provider.repeatable || task.operation !== null)', 'true')],
    caughtBy: outputs(
      'a vendor that answered at once and cannot be asked again: given back, never started again',
    ),
  },
  {
    name: 'unfetched-is-given-up',
    costs:
      'A clip that the vendor has made and been paid for is thrown away because its storage took a moment.',
    changes: [change(OUTCOME, '(provider.repeatable || task.operation !== null)', 'provider.repeatable')],
    caughtBy: outputs(
      'a file that is not there now is tried again, and the vendor is asked again: one start, one payment',
    ),
  },

  // Submission, retry, sweep
  {
    name: 'key-not-bound-to-its-body',
    costs: 'Another order under a used key is answered with the old picture.',
    changes: [
      change(
        KEYS_SQL,
        `case when v_known.body_hash = p_body_hash then 'repeated' else 'key_conflict' end`,
        `'repeated'`,
      ),
    ],
    caughtBy: contention('100 bodies under one idempotency key: one is bought, the others are refused'),
  },
  {
    name: 'key-not-looked-up',
    costs: 'A client that repeats a request after a timeout pays for each repeat.',
    changes: [
      change(
        KEYS_SQL,
        `  if not found then
    select * into v_known`,
        `  if false then
    select * into v_known`,
      ),
    ],
    caughtBy: contention(
      '100 requests with one idempotency key: one purchase, the same answer a hundred times',
    ),
  },
  {
    name: 'own-price-overlooked',
    costs: 'A model that has just got a price of its own goes on selling at the price of its kind.',
    changes: [
      change(
        SUBMIT_SQL,
        `
    and (p_subject = 'model:' || p_model or coalesce((
      select is_withdrawn from price where subject = 'model:' || p_model order by version desc limit 1), true))`,
        '',
      ),
    ],
    caughtBy: ledger(
      'a price of its own, or a closed model, is heeded though another process has not heard of it',
    ),
  },
  {
    name: 'disabled-account-retries',
    costs: 'A stolen account that was shut goes on spending on what failed.',
    changes: [
      change(
        SUBMIT_SQL,
        `where id = p_account and state = 'active') then
    outcome := 'account_ended';
    return;`,
        `where id = p_account) then
    outcome := 'account_ended';
    return;`,
      ),
    ],
    caughtBy: ledger('an account that was disabled retries nothing'),
  },
  {
    name: 'one-wallet-stops-the-sweeper',
    costs: 'One task that cannot be ended keeps the holds of everybody else.',
    changes: [
      change(SWEEP, 'if (ids.length < 2 || isConnectionLoss(error)) throw error', 'if (error) throw error'),
    ],
    caughtBy: ledger('one task that cannot be ended does not keep the others from it'),
  },
  {
    name: 'refusal-stored',
    costs: 'A user who tops up and repeats the request never gets an answer to it.',
    changes: [
      change(
        SUBMIT_SQL,
        `    perform drop_idempotency_key_v1(p_account, p_idempotency_scope, p_idempotency_key);
`,
        '',
      ),
    ],
    caughtBy: ledger('a refusal is not stored: the same key succeeds when the reason is gone'),
  },
  {
    name: 'stale-price-at-submission',
    costs: 'Another process goes on selling at the old price.',
    changes: [
      change(
        SUBMIT_SQL,
        `elsif not quote_is_current_v3(p_model, p_model_states, p_price_subject, p_price_version,
    p_explanation is not null) then`,
        'elsif false then',
      ),
    ],
    caughtBy: ledger('a price that changed between quote and submission is charged as it is now'),
  },
  {
    name: 'stale-price-at-retry',
    costs: 'Whoever keeps a failed task retries it at the price of last year.',
    changes: [
      change(
        SUBMIT_SQL,
        'if not quote_is_current_v3(v_model,',
        'if false and not quote_is_current_v3(v_model,',
      ),
    ],
    caughtBy: ledger('a retry takes a new hold at the price of today'),
  },
  {
    name: 'one-price-for-many',
    costs: 'Ten pictures are sold for the price of one.',
    changes: [
      change(
        'server/src/kernel/catalog/catalog.ts',
        'credits(price.credits * BigInt(count))',
        'credits(price.credits)',
      ),
    ],
    caughtBy: ledger('three pictures cost three times one'),
  },
  {
    name: 'disabled-account-buys',
    costs: 'A stolen account that was shut goes on spending.',
    changes: [
      change(
        SUBMIT_SQL,
        `where id = p_account and state = 'active') then
    outcome := 'account_ended';
  elsif`,
        `where id = p_account) then
    outcome := 'account_ended';
  elsif`,
      ),
    ],
    caughtBy: ledger('an account that was disabled buys nothing'),
  },
  {
    name: 'retry-in-any-state',
    costs: 'A hundred clicks on "retry" take a hundred holds.',
    changes: [
      change(
        SUBMIT_SQL,
        `and account_id = p_account and state = 'failed' for update`,
        'and account_id = p_account for update',
      ),
    ],
    caughtBy: contention('100 retries of one failed task: one new hold'),
  },
  {
    name: 'sweeper-forgets-the-unknown',
    costs: 'What nobody can say anything about keeps its hold for ever.',
    changes: [
      change(
        SWEEP,
        `      ['awaiting_approval', 'queued', 'running', 'unknown'],`,
        `      ['awaiting_approval', 'queued', 'running'],`,
      ),
    ],
    caughtBy: advance('an ambiguous start is never sent again; the deadline gives the hold back'),
  },
  {
    name: 'sweeper-ends-everything',
    costs: 'Tasks that are still in time are ended while the vendor is paid for them.',
    changes: [
      change(
        SWEEP,
        `in ('awaiting_approval', 'queued', 'running', 'unknown') and deadline < now()`,
        `in ('awaiting_approval', 'queued', 'running', 'unknown')`,
      ),
    ],
    caughtBy: ledger('the sweeper ends the overdue tasks of dead workers, and no others'),
  },

  // E-mail codes: each opens an account with a bonus
  {
    name: 'tries-not-counted',
    costs: 'A million guesses open an account for any address, with its bonus.',
    changes: [
      change(
        EMAIL_CODES,
        'set tries = tries + case when code_hash = $3 then 0 else 1 end',
        'set tries = tries',
      ),
    ],
    caughtBy: contention('100 wrong codes at once are three tries, and the right one is then refused'),
  },
  {
    name: 'minute-not-guarded',
    costs: 'A hundred requests send a hundred mails, each with three new tries.',
    changes: [
      change(
        EMAIL_CODES,
        '\n   where code.issued_at <= now() - make_interval(secs => $6)',
        '\n   where $6::int > 0',
      ),
    ],
    caughtBy: contention('100 codes asked for one address at once: one mail'),
  },
  {
    name: 'used-code-accepted',
    costs: 'One proof of an address opens account after account, each with a bonus.',
    changes: [change(REGISTER_SQL, 'and issue = p_issue and used_at is null', 'and issue = p_issue')],
    caughtBy: ledger('a code that was used or replaced opens no account'),
  },
  {
    name: 'used-code-tried-again',
    costs: 'A used code passes the first of its two gates.',
    changes: [change(EMAIL_CODES, 'and used_at is null and tries < $4', 'and tries < $4')],
    caughtBy: ledger('a code that was used or replaced opens no account'),
  },
  {
    name: 'replaced-code-accepted',
    costs: 'A code that was replaced by a later one still opens an account.',
    changes: [change(REGISTER_SQL, 'and issue = p_issue and used_at is null', 'and used_at is null')],
    caughtBy: ledger('a code that was used or replaced opens no account'),
  },
  {
    name: 'code-never-expires',
    costs: 'A mail found years later opens an account.',
    changes: [change(EMAIL_CODES, 'and tries < $4 and expires_at > now()', 'and tries < $4')],
    caughtBy: ledger('a code is good for ten minutes'),
  },

  // History and its verification
  {
    name: 'entries-may-be-changed',
    costs: 'A bug, or a person, rewrites what was paid.',
    changes: [change(LEDGER_MIGRATION, 'before update or delete on entry', 'before delete on entry')],
    caughtBy: ledger('history refuses UPDATE, DELETE and TRUNCATE'),
  },
  {
    name: 'entries-may-be-deleted',
    costs: 'A clean-up script takes the history of an account with it.',
    changes: [change(LEDGER_MIGRATION, 'before update or delete on entry', 'before update on entry')],
    caughtBy: ledger('history refuses UPDATE, DELETE and TRUNCATE'),
  },
  {
    name: 'entries-may-be-truncated',
    costs: 'One TRUNCATE is past the row triggers, and all history is gone.',
    changes: [
      change(
        LEDGER_MIGRATION,
        `create trigger entries_are_never_truncated before truncate on entry
  for each statement execute function refuse_change_of_history();
`,
        '',
      ),
    ],
    caughtBy: ledger('history refuses UPDATE, DELETE and TRUNCATE'),
  },
  {
    name: 'holds-may-be-deleted',
    costs: 'A hold disappears, and what it held belongs to nobody.',
    changes: [
      change(
        LEDGER_MIGRATION,
        `create trigger holds_are_never_deleted before delete on hold
  for each row execute function refuse_change_of_history();
`,
        '',
      ),
    ],
    caughtBy: ledger('history refuses UPDATE, DELETE and TRUNCATE'),
  },
  {
    name: 'hash-without-amount',
    costs: 'The chain does not vouch for the one thing it is there for.',
    changes: [
      change(
        LEDGER_SQL,
        `p_credit, p_amount, p_before, p_after,
    p_held,`,
        `p_credit, p_before, p_after,
    p_held,`,
      ),
    ],
    caughtBy: ledger('the hash covers every field of an entry'),
  },
  {
    name: 'hash-without-balances',
    costs: 'The last entry of a wallet can be raised together with the balance.',
    changes: [
      change(
        LEDGER_SQL,
        `p_credit, p_amount, p_before, p_after,
    p_held,`,
        'p_credit,',
      ),
    ],
    caughtBy: ledger('verify finds every way to tamper with an entry'),
  },
  {
    name: 'hash-without-operator',
    costs: 'Who gave the credits away can be changed without a trace.',
    changes: [change(LEDGER_SQL, 'p_task, p_operator, p_ip', 'p_task, p_ip')],
    caughtBy: ledger('verify finds every way to tamper with an entry'),
  },
  {
    name: 'chain-not-linked',
    costs: 'An entry of an old backup is put in the place of the true one.',
    changes: [
      change(
        LEDGER_SQL,
        `substring(p_key from 1 for 64) || p_previous || convert_to`,
        `substring(p_key from 1 for 64) || convert_to`,
      ),
    ],
    caughtBy: ledger('an entry of another course of events does not fit the chain'),
  },
  {
    name: 'hash-without-key',
    costs: 'Whoever can write to the database can compute a chain that fits.',
    changes: [
      change(LEDGER_SQL, 'sha256(substring(p_key from 65 for 64)', `sha256('\\x'::bytea`),
      change(LEDGER_SQL, 'sha256(substring(p_key from 1 for 64) || p_previous', 'sha256(p_previous'),
    ],
    caughtBy: ledger('only the holder of the key can write a chain that verifies'),
  },
  {
    name: 'verify-skips-hashes',
    costs: 'The chain is kept and never looked at.',
    changes: [change(VERIFY, 'or hash <> entry_hash_v1($1,', 'or null <> entry_hash_v1($1,')],
    caughtBy: ledger('verify finds every way to tamper with an entry'),
  },
  {
    name: 'verify-skips-wallets',
    costs: 'A balance that was raised by hand is never found.',
    changes: [change(VERIFY, `add('wallets', await context.db.rows(brokenWallets, [from, to]))`, '')],
    caughtBy: ledger('verify finds a wallet that is not the sum of its entries'),
  },
  {
    name: 'verify-skips-holds',
    costs: 'A task that was paid and shows nothing charged is never found.',
    changes: [change(VERIFY, `add('holds', await context.db.rows(brokenHolds, [from, to]))`, '')],
    caughtBy: ledger('verify finds holds that do not go with their tasks'),
  },

  // Approval and editing
  {
    name: 'approve-in-any-state',
    costs: 'Two approvals at once start a task twice, and a canceled one runs unpaid.',
    changes: [
      change(
        SUBMIT_SQL,
        `where id = p_task and state = 'awaiting_approval' returning`,
        'where id = p_task returning',
      ),
    ],
    caughtBy: approval('of a hundred approvals one happens'),
  },
  {
    name: 'edit-keeps-both-holds',
    costs: 'An edit to another model charges the old price and the new one.',
    changes: [
      change(SUBMIT_SQL, 'if resolve_hold_v1(p_key, v_task.hold_id, 0) is null then', 'if false then'),
    ],
    caughtBy: approval('a hundred edits to models of different prices hold what the last one costs'),
  },
  {
    name: 'edit-takes-no-new-hold',
    costs: 'A cheap task becomes a dear one for nothing.',
    changes: [
      change(
        SUBMIT_SQL,
        `take_charge_v1(p_key, v_task.account_id, p_kind,
        p_cost, p_free_reason,`,
        `take_charge_v1(p_key, v_task.account_id, p_kind,
        0, 'free',`,
      ),
    ],
    caughtBy: approval('a hundred edits to models of different prices hold what the last one costs'),
  },
  {
    name: 'edit-while-running',
    costs: 'What a vendor was paid for is not what the task says.',
    changes: [
      change(
        SUBMIT_SQL,
        `and state in ('awaiting_approval', 'queued') for update`,
        `and state in ('awaiting_approval', 'queued', 'running') for update`,
      ),
    ],
    caughtBy: approval('nobody edits, cancels or retries what is another’s, and nobody edits what runs'),
  },
  {
    name: 'edited-stays-approved',
    costs: 'What was approved is not what runs (B5).',
    changes: [change(EDIT, `preset.needsApproval ? 'awaiting_approval' : 'queued'`, `'queued'`)],
    caughtBy: approval(
      'an edit that cannot be paid changes nothing; one within the means is priced anew and needs approval again',
    ),
  },
  {
    name: 'retry-anybodys-task',
    costs: 'An administrator, or anybody, spends another account’s credits on a retry.',
    changes: [
      change(
        RETRY,
        `if (task.accountId !== actor.accountId) throw refusal('task_not_owned', { id: task.handle })`,
        '',
      ),
    ],
    caughtBy: approval('nobody edits, cancels or retries what is another’s, and nobody edits what runs'),
  },

  // Memberships, coupons, activities, referrals
  {
    name: 'lapsed-member-generates-free',
    costs: 'Whoever was a member for a month never pays again.',
    changes: [
      change(
        MEMBERSHIPS_SQL,
        'where account_id = p_account and (ends_at > now() or lifetime_level is not null))',
        'where account_id = p_account)',
      ),
    ],
    caughtBy: deals(
      'a member generates for nothing; a lapsed one is told so when there is too little credit',
    ),
  },
  {
    name: 'renewal-from-today',
    costs: 'A member who renews early loses what was left.',
    changes: [
      change(MEMBERSHIPS_SQL, 'ends_at = greatest(m.ends_at, now()) + p_time', 'ends_at = now() + p_time'),
    ],
    caughtBy: deals('100 renewals paid at once: each adds its days; one paid twice adds them once'),
  },
  {
    name: 'refund-shortens-into-the-past',
    costs: 'An undone refund gives back time that a member had used up.',
    changes: [
      change(
        MEMBERSHIPS_SQL,
        'v_taken := least(p_time, make_interval(secs => extract(epoch from v_until - v_from)::float8))',
        'v_taken := p_time',
      ),
    ],
    caughtBy: deals(
      'a refunded membership is shorter by what it bought, never before now; undone it is what it was',
    ),
  },
  {
    name: 'wallet-pays-a-tenth',
    costs: 'A membership costs one credit for a yuan.',
    changes: [
      change(
        ORDERS_SQL,
        'v_deal.amount_fen * p_credits_per_fen',
        'v_deal.amount_fen * p_credits_per_fen / 10',
      ),
    ],
    caughtBy: deals(
      'from the wallet, 100 memberships at once with credits for three: three are paid, at 10 credits for 1 yuan',
    ),
  },
  {
    name: 'coupon-claimed-by-everybody',
    costs: 'A coupon for seven is used by a hundred.',
    changes: [
      change(
        PROMOTIONS_SQL,
        `
      and (most_claims is null or claims < most_claims)`,
        '',
      ),
      change(
        PROMOTIONS_MIGRATION,
        'check (claims between 0 and coalesce(most_claims, claims))',
        'check (claims >= 0)',
      ),
    ],
    caughtBy: deals('100 orders at once for the last seven claims of a coupon: seven are opened with it'),
  },
  {
    name: 'coupon-reserved-by-two-orders',
    costs: 'One coupon makes every open order of its owner cheaper.',
    changes: [
      change(PROMOTIONS_SQL, `where c.id = v_claim.id and c.state = 'unused'`, 'where c.id = v_claim.id'),
    ],
    caughtBy: deals('100 orders of one account at once with one coupon: one has it'),
  },
  {
    name: 'expired-order-keeps-its-coupon',
    costs: 'A coupon is lost with the first order that is not paid.',
    changes: [change(ORDERS_SQL, 'perform free_promotions_v1(v_expired)', 'perform 1')],
    caughtBy: deals('what an order had reserved is free when it expires or its gateway refuses it'),
  },
  {
    name: 'late-payment-promises-twice',
    costs: 'One coupon, and three orders that were left to expire and then paid at half the price.',
    changes: [
      change(
        ORDERS_SQL,
        'if not use_promotions_v1(v_order) then',
        'if use_promotions_v1(v_order) is null then',
      ),
    ],
    caughtBy: deals(
      'paid after it expired, an order uses its coupon if that is free; otherwise it buys what its money buys',
    ),
  },
  {
    name: 'activity-without-end-of-places',
    costs: 'A promotion for seven buyers, or for so much money, goes to all.',
    changes: [
      change(
        PROMOTIONS_SQL,
        `and state = 'active' and (most_participants is null or participants < most_participants)
    and (budget is null or given + p_credits <= budget)`,
        '',
      ),
      change(
        PROMOTIONS_MIGRATION,
        'check (participants between 0 and coalesce(most_participants, participants))',
        'check (participants >= 0)',
      ),
      change(
        PROMOTIONS_MIGRATION,
        'check (given between 0 and coalesce(budget, given))',
        'check (given >= 0)',
      ),
    ],
    caughtBy: deals(
      '100 first orders at once: as many have the promise as there are places, and as the budget pays for',
    ),
  },
  {
    name: 'activity-beside-a-coupon',
    costs: 'Two promises multiply into a price that nobody set.',
    changes: [
      change(
        ORDERS_SQL,
        'select c.problem, c.claim_id, null::bigint as activity_id, c.amount_fen, c.bonus into v_deal',
        `select c.problem, c.claim_id, a.activity_id, least(a.amount_fen, c.amount_fen) as amount_fen, c.bonus into v_deal`,
      ),
      change(
        ORDERS_SQL,
        'from take_coupon_v1(p_account, p_coupon, order_id, p_item, p_list_fen) c;',
        `from take_coupon_v1(p_account, p_coupon, order_id, p_item, p_list_fen) c,
        take_activity_v1(p_account, order_id, p_item, p_list_fen, p_credits_per_fen is not null) a;`,
      ),
    ],
    caughtBy: deals(
      'the activity that makes an order cheapest applies by itself, once for an account, and never beside a coupon',
    ),
  },
  {
    name: 'wallets-locked-as-they-come',
    costs: 'Two payers who invited each other stop each other’s payments.',
    changes: [
      change(
        ORDERS_SQL,
        `  perform from wallet where account_id in (p_account, v_referral.referrer_id)
  order by account_id for no key update;
`,
        '',
      ),
    ],
    caughtBy: deals(
      '100 payments at once of 50 pairs who invited each other: no deadlock, each rewarded once',
    ),
  },
  {
    name: 'reward-for-every-payment',
    costs: 'Whoever invited a regular customer is paid for each of his orders.',
    changes: [
      change(
        ORDERS_SQL,
        `where referred_id = p_account and state = p_state and`,
        `where referred_id = p_account and`,
      ),
      change(
        PROMOTIONS_SQL,
        `'referral:' || p_referral.id, null`,
        `'referral:' || p_referral.id || ':' || p_order, null`,
      ),
    ],
    caughtBy: deals('only the first payment rewards; a bonus is added as long as its budget lasts'),
  },
  {
    name: 'refund-leaves-the-bonus',
    costs: 'Money goes back and the credits that came with it stay.',
    changes: [
      change(
        ORDERS_SQL,
        `if v_order.bonus_credits > 0 and post_entry_v1(p_key, v_order.account_id, 'gift_reversal'`,
        `if false and post_entry_v1(p_key, v_order.account_id, 'gift_reversal'`,
      ),
    ],
    caughtBy: deals(
      'a refund takes back credits, what was added to them and the reward; what the referrer spent is written off',
    ),
  },
  {
    name: 'refund-leaves-the-reward',
    costs: 'Two friends buy, are paid back, and keep 50 credits each time.',
    changes: [change(ORDERS_SQL, 'perform reverse_referral_v1(p_key, v_referral, p_operator)', 'perform 1')],
    caughtBy: deals(
      'a refund takes back credits, what was added to them and the reward; what the referrer spent is written off',
    ),
  },
  {
    name: 'spent-reward-not-written-off',
    costs: 'The books say that a reward came back which its owner had spent.',
    changes: [
      change(
        PROMOTIONS_SQL,
        'least(p_referral.credits, greatest(0, available + credit_limit))',
        'p_referral.credits',
      ),
    ],
    caughtBy: deals(
      'a refund takes back credits, what was added to them and the reward; what the referrer spent is written off',
    ),
  },
  {
    name: 'undone-refund-keeps-the-reward',
    costs: 'A gateway says no to a refund, and whoever invited the payer loses the reward.',
    changes: [change(ORDERS_SQL, 'perform restore_referral_v1(p_key, v_referral)', 'perform 1')],
    caughtBy: deals(
      'a refund takes back credits, what was added to them and the reward; what the referrer spent is written off',
    ),
  },
  {
    name: 'refund-leaves-the-figures',
    costs: 'The statistics count money that was paid back.',
    changes: [change(ORDERS_SQL, 'perform count_order_v1(v_order, -1)', 'perform 1')],
    caughtBy: deals('100 refunds and payments of one account at once leave the figures and its payer true'),
  },

  // The documented callback
  {
    name: 'callback-signature-unread',
    costs: 'Anybody who knows an order’s id is credited for it.',
    changes: [
      change(
        CALLBACK,
        'return timingSafeEqual(given, Buffer.from(expected))',
        'return given.length === expected.length',
      ),
    ],
    caughtBy: credit('600 forged callbacks credit nothing'),
  },
  {
    name: 'callback-signature-for-ever',
    costs: 'A report that leaked a year ago is still good.',
    changes: [change(CALLBACK, 'return ageSeconds <= SIGNED_FOR_SECONDS', 'return true')],
    caughtBy: credit('600 forged callbacks credit nothing'),
  },
  {
    name: 'callback-of-a-failure',
    costs: 'A payment that failed is credited.',
    changes: [
      change(
        CALLBACK,
        'if (!callback.isPaid || callback.method !== order.method)',
        'if (callback.method !== order.method)',
      ),
    ],
    caughtBy: credit('a failed payment is 40005 and leaves the order payable'),
  },

  // Metering
  {
    name: 'charge-above-the-hold',
    costs: 'A vendor that counts too much is paid from credits that nobody holds.',
    changes: [change(PRICE_RULE, 'return amount < held ? amount : held', 'return amount')],
    caughtBy: rule(
      'a charge is never more than is held, nor negative, and shows no fraction that the site does not',
    ),
  },
  {
    name: 'hold-the-usual-and-not-the-worst',
    costs: 'A long text is written for what a short one holds.',
    changes: [change(QUOTE_TASK, 'cost: credits(BigInt(metered.hold)), ', '')],
    caughtBy: metering(
      'a text holds the worst it can come to and pays for what its vendor counted; the rest is a row of the statement',
    ),
  },
  {
    name: 'input-estimated-and-not-bounded',
    costs: 'A request in rare characters is held for at a third of what it costs.',
    changes: [change(COUNT_TOKENS, "sum + Buffer.byteLength(text, 'utf8')", 'sum + text.length')],
    caughtBy: {
      file: 'server/src/kernel/metering/count-tokens.test.ts',
      test: 'the most that a vendor can count is a token for each byte, and what stands around a message',
    },
  },
  {
    name: 'text-goes-on-past-its-hold',
    costs: 'A vendor that heeds no bound writes on at the expense of the house.',
    changes: [change(WRITE, 'isEnough: () => meter?.isSpent() ?? false', 'isEnough: () => false')],
    caughtBy: metering(
      'a text that does not end is ended when it has been worth its hold: the vendor is hung up on, the words are kept',
    ),
  },
  {
    name: 'reply-goes-on-past-its-hold',
    costs: 'A reply that is not bounded at its vendor is written on at the expense of the house.',
    changes: [
      change(WRITE_REPLY, 'length <= MOST_CHARACTERS && !live.meter?.isSpent()', 'length <= MOST_CHARACTERS'),
    ],
    caughtBy: replies('a reply that does not end is ended when it has been worth its hold'),
  },
  {
    name: 'lost-reply-costs-its-hold',
    costs: 'Whoever’s reply is cut off by a crash pays for the longest one there could have been.',
    changes: [
      change(
        REPLY_SQL,
        "else coalesce((p_task.explanation ->> 'charged')::bigint, 0) end",
        'else p_task.cost end',
      ),
    ],
    caughtBy: replies(
      'however it ends, a reply pays for the words that are kept: stopped, lost, swept, closed',
    ),
  },
  {
    name: 'more-memory-than-was-held-for',
    costs: 'A long conversation is sent whole, and held for as a short one.',
    changes: [change(REPLY_SQL, ' and bytes <= coalesce(p_bytes, bytes)', '')],
    caughtBy: replies('what was said before is held for, byte by byte, and no more of it is sent than that'),
  },
  {
    name: 'rule-sold-as-a-fixed-price',
    costs: 'A process of the version before sells by the output what is to be metered.',
    changes: [change(SUBMIT_SQL, ' and (rule is not null) = p_is_metered', '')],
    caughtBy: metering('whoever knows fixed prices alone is told that the price changed, and sells nothing'),
  },

  // Keys and refused words
  {
    name: 'list-not-asked-before-the-call',
    costs: 'A word is on the list, and what waits with it is still sent to a vendor and charged.',
    changes: [change(ADVANCE, 'checkBeforeCall(context, textsOfJob(job))', 'textsOfJob(job)')],
    caughtBy: moderation(
      'a word that comes between submission and start refuses the task, pays it back and counts it',
    ),
  },
  {
    name: 'refused-after-the-hold',
    costs: 'A refused request has taken credits, and its user is told that nothing was taken.',
    changes: [
      change(
        SUBMIT,
        'await checkWords(context, { accountId: actor.accountId, kind, texts, idempotencyKey })',
        '',
      ),
      change(
        SUBMIT,
        'isKept = !submitted.repeated',
        'await checkWords(context, { accountId: actor.accountId, kind, texts, idempotencyKey })\n    isKept = !submitted.repeated',
      ),
    ],
    caughtBy: moderation('a picture, refused by the list: nothing is taken, nobody is called'),
  },
  {
    name: 'environment-beats-the-operator',
    costs:
      'The key that an operator set is replaced by an old one at the next start, and another account pays.',
    changes: [
      change(
        ENSURE_CONNECTIONS,
        'return { mine: mark.equals(markOf(context, stored.url, secret)), sealed: stored.sealed }',
        'return { mine: mark.length > 0 && secret.length > 0, sealed: stored.sealed }',
      ),
    ],
    caughtBy: vendorsByKey('what an operator chose stays: a model it serves, a default, a connection'),
  },

  // Quotas, the square, replies, codes and vouchers
  {
    name: 'quota-counted-without-lock',
    costs: 'Whoever asks for a hundred pictures at once has them all on one day.',
    changes: [change(QUOTAS_SQL, 'perform from account where id = p_account for no key update;', '')],
    caughtBy: quotas('a hundred submissions at once with ten left make exactly ten'),
  },
  {
    name: 'quota-used-up-by-our-failures',
    costs: 'What a vendor failed to make counts as made.',
    changes: [
      change(
        QUOTAS_SQL,
        `and not (v_task.state = 'failed' and v_task.failure in ('unavailable', 'deadline', 'unknown'))`,
        '',
      ),
    ],
    caughtBy: quotas(
      'what failed by our fault is given back; what was refused for its content, or canceled, is not',
    ),
  },
  {
    name: 'calls-past-the-hours-number',
    costs: 'A site is called as often as its callers like, as long as they do so at once.',
    changes: [change(QUOTAS_SQL, 'and (c.calls < p_most or c.hour > p_hour)', '')],
    caughtBy: quotas('two hundred calls at once are a hundred'),
  },
  {
    name: 'taken-back-work-stays-on-the-square',
    costs: 'A work that its owner took back is still shown to everybody.',
    changes: [change(SQUARE_SQL, 'if new.is_public and new.deleted_at is null', 'if new.deleted_at is null')],
    caughtBy: square(
      'cameo hole 5: only what its owner shows is on the square, and only while it is there to be seen',
    ),
  },
  {
    name: 'hidden-work-is-liked',
    costs: 'Whoever guesses a number learns of works that nobody shows.',
    changes: [
      change(
        SQUARE_SQL,
        'where work_id = p_work and is_shown for no key update',
        'where work_id = p_work for no key update',
      ),
    ],
    caughtBy: {
      file: 'server/src/dialects/plaza/square.test.ts',
      test: 'plaza hole: square exposes private works; not here, in no feed and to no call',
    },
  },
  {
    name: 'anybody-publishes-a-work',
    costs: 'Anybody puts another account’s works on the square.',
    changes: [
      change(
        SQUARE_SQL,
        'where id = p_work and account_id = p_account and deleted_at is null for update',
        'where id = p_work and deleted_at is null for update',
      ),
    ],
    caughtBy: square(
      'cameo hole 6: nobody changes what is another’s or nowhere, and the owner’s title is kept',
    ),
  },
  {
    name: 'every-look-is-a-view',
    costs: 'One viewer makes a work as hot as he likes.',
    changes: [change(SQUARE_SQL, 'where v.seen_at <= p_at - p_again', '')],
    caughtBy: square(
      'cameo hole 5: a like is one per account and a look one per viewer and hour, however many come at once',
    ),
  },
  {
    name: 'wordless-reply-is-charged',
    costs: 'An answer of no words costs what an answer costs.',
    changes: [
      change(
        REPLY_SQL,
        `c.deleted_at is not null;
    return 0;`,
        `c.deleted_at is not null;
    return p_cost;`,
      ),
    ],
    caughtBy: {
      file: 'server/test/assistant-reply.test.ts',
      test: 'costs nothing when not a word is on record',
    },
  },
  {
    name: 'message-into-anybodys-conversation',
    costs:
      'Whoever knows a number writes into another’s conversation and is answered from what was said there.',
    changes: [
      change(
        REPLY_SQL,
        'where c.id = p_conversation and c.account_id = p_account and c.deleted_at is null)',
        'where c.id = p_conversation and c.deleted_at is null)',
      ),
    ],
    caughtBy: {
      file: 'server/src/dialects/plaza/assistant.test.ts',
      test: 'are their owner’s alone, and gone when deleted',
    },
  },
  {
    name: 'anybody-stops-a-reply',
    costs: 'Anybody ends what another account has paid for.',
    changes: [
      change(
        STOP_REPLY,
        'where id = $1 and account_id = $2 and deleted_at is null),',
        'where id = $1 and $2::bigint is not null and deleted_at is null),',
      ),
    ],
    caughtBy: {
      file: 'server/src/dialects/plaza/assistant.test.ts',
      test: 'are their owner’s alone, and gone when deleted',
    },
  },
  {
    name: 'code-redeemed-by-everybody',
    costs: 'A code that is passed on makes a member of each who sends it.',
    changes: [change(REDEEM_SQL, `and state = 'active' and used_by is null`, `and state = 'active'`)],
    caughtBy: plansAndCodes('a membership code sent by 100 accounts at once makes one member'),
  },
  {
    name: 'code-redeemed-late',
    costs: 'A code is worth its credits for ever.',
    changes: [
      change(
        REDEEM_SQL,
        `
      and (expires_at is null or expires_at > now())`,
        '',
      ),
    ],
    caughtBy: plansAndCodes(
      'unknown, expired and switched-off codes are refused for what they are; a membership code makes a member',
    ),
  },
  {
    name: 'codes-guessed-for-ever',
    costs: 'Whoever tries long enough finds codes that others have paid for.',
    changes: [change(REDEEM_SQL, 'where m.misses < p_account_misses', '')],
    caughtBy: plansAndCodes(
      'one account that sends a code 100 times at once has it once, and is stopped after ten vain tries',
    ),
  },
  {
    name: 'vouchers-below-none',
    costs: 'Whoever has used up his vouchers has more of them.',
    changes: [
      change(VOUCHERS_SQL, ' and vouchers + p_amount >= 0', ''),
      change(
        'server/migrations/0021-codes-and-plans.sql',
        'check (vouchers >= 0)',
        'check (vouchers >= -1000)',
      ),
      change(
        'server/migrations/0021-codes-and-plans.sql',
        'check (balance_after >= 0)',
        'check (balance_after >= -1000)',
      ),
    ],
    caughtBy: plansAndCodes(
      'a grant of vouchers has its effect once per key, and nobody has fewer than none',
    ),
  },
  {
    name: 'refund-leaves-the-vouchers',
    costs: 'Whoever is paid back keeps the vouchers that came with the plan.',
    changes: [
      change(
        ORDERS_SQL,
        `    if v_order.vouchers_taken > 0 then
      perform`,
        `    if false then
      perform`,
      ),
    ],
    caughtBy: plansAndCodes(
      'a refund takes the time of its own level and leaves the other; a refused one gives all of it back',
    ),
  },
]
