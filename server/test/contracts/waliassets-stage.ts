import { waliassets } from '../../src/dialects/waliassets/dialect.ts'
import { addChannel } from '../../src/kernel/payments/channels.ts'
import type { Json, Operation as SharedOperation, Wire } from './contract.ts'
import type { Reply as SharedReply, Stage as SharedStage, StageOptions } from './stage.ts'
import { openStage as openAnyStage } from './stage.ts'

type Envelope = { success: boolean; code: number; message: string; data: Json }

/** An operation as `contracts/waliassets/operations.json` has it. */
export type Operation = SharedOperation & {
  description: string | null
  auth: boolean
  success: Envelope
  errors: { title: string | null; response: Envelope }[]
}

/** A row of `codes.json`: raised somewhere, or never and then why. */
export type Code = { code: number; meaning: string } & (
  | { raised: string; status: number; message: string | null; unraised?: undefined }
  | { unraised: string; raised?: undefined }
)

export const wire: Wire = {
  forms: {
    time: /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$/,
    address: /^https?:\/\/\S+$/,
    'picture task': /^img_\d+_[a-z0-9]+$/,
    'clip task': /^anim_\d+_[a-z0-9]+$/,
    order: /^order_\w+$/,
    'trade number': /^trade_\w+$/,
  },
  volatile: [
    [/eyJ[\w-]+\.[\w-]+\.[\w-]+/g, '<token>'],
    [/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, '<uuid>'],
    [/\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z/g, '<time>'],
    [/\b(img|anim|order)_\d+_[a-z0-9]{9}/g, '$1_<ms>_<random>'],
    [/\btrade_[a-z0-9]{10,}/g, 'trade_<random>'],
    [/\bremote_trade_\d+/g, 'remote_trade_<number>'],
    [/\/files\/[a-z0-9]{32,}\./g, '/files/<key>.'],
    [/\buser\d+\b/g, 'user<n>'],
  ],
  serials: ['id'],
}

type Body = { success: boolean; code: number; message: string; data: Record<string, unknown> | null }
const NO_BODY: Body = { success: false, code: -1, message: '', data: null }

export type Reply = SharedReply<Body>

export type Stage = SharedStage<Body> & {
  /** What the gateway's account was given as its secret: nothing that leaves the house may hold it. */
  secret: string
  channel: { id: bigint; uuid: string }
}

/** A whole WaliAssets site with one channel to pay through. */
export async function openStage(options: StageOptions = {}): Promise<Stage> {
  const stage = await openAnyStage(waliassets, NO_BODY, options)
  const secret = 'the secret of the fake merchant'
  const channel = await addChannel(stage.context, {
    name: 'fake',
    gateway: 'fake',
    url: 'https://payment.example.com',
    merchant: '1001',
    secret,
    options: {},
    methods: ['alipay', 'wxpay'],
  })
  return { ...stage, secret, channel }
}
