import type { Brief } from '../brief.ts'
import { explainKeyword } from '../keyword.ts'
import { may, must, type Part, table } from '../part.ts'

/** An inverted pyramid; what nobody said is named as open in the checklist instead of being made up. */
export function newsArticle(brief: Brief): Part[] {
  const { title, act, noun, isHowTo, tips, terms, wishes } = brief
  const facts = brief.lines('key_info')
  const type = brief.value('news_type') || '企业新闻稿'
  const [a, b, c] = tips
  const headline = isHowTo ? `${act}，从理清次序入手` : `${title}：从${terms[0]}看起`
  const body = tips.slice(0, 8).map(({ name, why, steps, example }, index) => {
    const text = `${['在做法上，首先是', '其次是', '第三是', '值得注意的还有', '在日常执行中，可以', '与之相配合的是', '从长期看，还需要', '最后是'][index] ?? '此外是'}“${name}”。${why}。${[`通常分三步：${steps.join('；')}。`, `可行的做法是${steps[0]}，${steps[1]}，${steps[2]}。`, `操作上并不复杂，${steps.join('，')}即可。`][index % 3]}`
    return [
      index < 2 ? must(text) : may(index, text),
      may(
        index < 2 ? 1 + index / 10 : index + 0.1,
        `${['举例来说，', '以日常情形为例，', '', '不妨设想，'][index % 4]}${index % 4 === 2 ? example : example.replace(/^例如/, '')}。`,
      ),
    ]
  })
  return [
    must(`# ${headline}`),
    must(`——${terms.join('、')}怎样落到实处`),
    must(
      facts.length > 0
        ? `${facts
            .slice(0, 2)
            .map((fact) => fact.replace(/[。.]?$/, '。'))
            .join('')}围绕${title}，一套从${terms[0]}入手的做法受到关注。`
        : isHowTo
          ? `${act}，不必从增加投入开始。一套从${terms[0]}入手、可以自行检验的做法给出了思路：先定目标，再理次序，最后选择工具。与延长时间相比，“${a?.name ?? '先理次序'}”“${b?.name ?? '小步开始'}”和“${c?.name ?? '定期复盘'}”更强调减少无效消耗，适用于个人，也适用于小团队。`
          : `围绕${title}，看法不一。与其急于下结论，不如从${terms[0]}看起：“${a?.name}”“${b?.name}”和“${c?.name}”，是三条任何人都可以自行检验的路径。`,
    ),
    ...facts.slice(2).map((fact) => must(fact.replace(/[。.]?$/, '。'))),
    must(
      `这一话题之所以受到重视，与许多人的日常感受有关。${brief.moment.replaceAll('你', '人')}${isHowTo ? '问题往往不在于投入不足，而在于事情的先后与边界不够清楚。' : '信息并不少，缺少的是一套自己的判断办法。'}`,
    ),
    must(isHowTo ? '## 做法：先减后加' : '## 看法：先问再看'),
    ...body.flat(),
    must('## 背景：几个常被混用的概念'),
    must(terms.map((word, at) => `关于${word}，可以这样理解：${explainKeyword(word, at)}。`).join('')),
    ...wishes.map((wish) =>
      must(
        `## ${wish}\n\n就${wish}而言，归纳起来有三条可以立即使用：一是${a?.steps[0]}；二是${b?.steps[0]}；三是${c?.steps[0]}。三条互不依赖，任选其一即可开始。`,
      ),
    ),
    may(
      9,
      '上述做法也有其边界。个人能够改善的，是可以自行安排的那一部分；涉及分工、流程和资源的问题，仍需要单位层面的调整。',
    ),
    must(
      `## 下一步\n\n读者可以先用一周记录现状，再从中选择一项试行两周，对照前后变化决定去留。${type.includes('软文') ? `关于${noun}的更多问题，可在评论区留言讨论。` : `围绕${noun}的后续进展，将以实际结果为准另行发布。`}`,
    ),
    must(
      `**发稿前核对**\n\n${table(
        ['要素', '本稿写法', '核对'],
        [
          ['何事', title, '已写'],
          ['为何', isHowTo ? `${noun}常因次序不清而受影响` : `${noun}说法不一，需要判断的办法`, '已写'],
          ['如何', `${a?.name ?? ''}等做法`, '已写'],
          [
            '何人、何时、何地',
            facts.length > 0 ? '以正文所引关键信息为准' : '素材未提供，正文未涉及',
            facts.length > 0 ? '请复核' : '有则补入导语',
          ],
        ],
      )}`,
    ),
  ]
}
