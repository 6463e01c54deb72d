import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hashtagsIn, toPlainText } from './plain-text.ts'

test('what people type into a platform that knows no Markdown', () => {
  const markdown = [
    '# 标题 #',
    '',
    '一段 **重点** 和 *斜体*，`代码`，2*3*4，snake_case_name',
    '![图](https://a.example/b.png)',
    '## 小节',
    '- 一',
    '* 二',
    '1. 三',
    '---',
    '> 引用',
    '[链接](https://a.example/c "t")',
    '',
    '',
    '',
    '#话题 结尾',
  ].join('\r\n')
  assert.equal(
    toPlainText(markdown),
    [
      '标题',
      '',
      '一段 重点 和 斜体，代码，2*3*4，snake_case_name',
      '',
      '小节',
      '• 一',
      '• 二',
      '1. 三',
      '',
      '引用',
      '链接 https://a.example/c',
      '',
      '#话题 结尾',
    ].join('\n'),
  )
})

test('topics once each; neither headings nor anchors nor entities', () => {
  assert.deepEqual(hashtagsIn('# 标题\n#效率 #效率，#工具_1 a#b &#39; https://a.example/#c #'), [
    '效率',
    '工具_1',
  ])
})

test('a text of nothing but marks takes no time', () => {
  const startedAt = performance.now()
  for (const piece of ['*', '**a', '![', '[a](', '`', '#', '- ', '__ ']) toPlainText(piece.repeat(5_000))
  assert.ok(performance.now() - startedAt < 2_000, `${performance.now() - startedAt} ms`)
})
