import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { TextJob } from '../../../kernel/ports/provider.ts'
import { createSketch } from '../sketch.ts'
import { composeReply } from './chat.ts'

const jobOf = (...said: string[]): TextJob => ({
  kind: 'text',
  purpose: 'chat',
  model: 'sketch',
  system: '',
  messages: said.map((text, at) => ({
    role: (said.length - 1 - at) % 2 === 0 ? 'user' : 'assistant',
    text,
  })),
  maxTokens: 2_000,
  temperature: 0.7,
})

describe('a conversation with the built-in writer', () => {
  test('says in every answer, in the language it was asked in, that it is no AI model', () => {
    for (const asked of ['你好', '画一只猫', '今天天气', '多少钱', '怎么写提示词', '总结一下', '生成视频'])
      assert.match(composeReply(jobOf(asked)), /内置写作器 sketch.*不是 AI 模型/, asked)
    for (const asked of [
      'hello',
      'draw a cat',
      'the weather',
      'price?',
      'my prompt',
      'summarise',
      'a video',
    ]) {
      const answer = composeReply(jobOf(asked))
      assert.match(answer, /sketch.*am no AI model/, asked)
      assert.doesNotMatch(answer, /\p{Script=Han}/u, asked)
    }
  })

  test('picks up the words of now and of before, and is the same for the same conversation', () => {
    const job = jobOf('我喜欢山里的雾', '好的', '想拍成海边的样子')
    const answer = composeReply(job)
    assert.match(answer, /想拍成海边的样子/)
    assert.match(answer, /我喜欢山里的雾/)
    assert.equal(composeReply(job), answer)
    assert.match(composeReply(jobOf('我喜欢雾', '好的', '我刚才说了什么')), /1\. 「我喜欢雾」/)
  })

  test('comes in small pieces that make the whole, whatever is said, and stops with the signal', async () => {
    const { write } = createSketch()
    assert.ok(write)
    const job = jobOf('画一只🙂猫 with a hat')
    let text = ''
    let pieces = 0
    for await (const part of write(job, { connection: null, signal: new AbortController().signal })) {
      if (part.type === 'end') continue
      assert.ok([...part.text].length <= 20, part.text)
      text += part.text
      pieces += 1
    }
    assert.equal(text, composeReply(job))
    assert.ok(pieces > 30)
    const abort = new AbortController()
    await assert.rejects(async () => {
      for await (const _part of write(job, { connection: null, signal: abort.signal })) abort.abort()
    })
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (said) => {
        const answer = composeReply(jobOf(said))
        assert.doesNotMatch(answer, /[<>]/, 'nothing a user writes becomes markup')
        assert.ok(answer.length < 2_000)
      }),
    )
  })
})
