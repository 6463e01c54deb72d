import type { Brief } from '../brief.ts'
import { defineKeyword } from '../keyword.ts'
import { may, must, ordinal, type Part, table } from '../part.ts'

const HOW = [
  '先与相关同事对齐目标和口径，再按节点推进；过程中的变化及时说明，结束后把要点整理备查。',
  '把这项工作拆成若干小步，逐步落实、逐步核对，遇到的问题记入清单并跟进处理。',
  '重点放在衔接上：事前讲清安排，事中留有记录，事后征求使用者的意见。',
] as const

/** For a superior: what was done by matter, what came of it, what did not work, what comes next and who helps. */
export function workReport(brief: Brief): Part[] {
  const { title, act, noun, isHowTo, doing: tips, keywords, wishes } = brief
  const period = brief.value('period') || '本月'
  const type = brief.value('report_type') || '工作总结'
  const works = brief.lines('main_work')
  const results = brief.lines('achievements')
  const theme =
    works.length > 1
      ? `${works[0]}等${works.length}项工作`
      : isHowTo
        ? act
        : /工作|总结|报告/.test(title)
          ? '本期重点工作'
          : `${noun}相关工作`
  const done = works.length > 1 ? works : []
  const terms = keywords.length > 0 ? keywords : done.length > 0 ? done.slice(0, 3) : brief.terms
  const items = tips.map(({ name, why, steps, trap, example }, index): Part[] => {
    const add = index < 3 && done.length === 0 ? must : (text: string) => may(index + 1, text)
    return [
      add(
        `### （${ordinal(done.length + index)}）${name}\n\n**出发点**：${why}。\n**做法**：${steps.join('，')}。`,
      ),
      may(index < 3 ? 1 + index / 10 : index + 1.1, `**体会**：${trap}。`),
      may(index < 3 ? 5 + index / 10 : index + 1.2, `**实例**：${example.replace(/^例如/, '')}。`),
    ]
  })
  return [
    must(`# ${period}${type}${works.length > 1 ? '' : `：${isHowTo ? act : title}`}`),
    must(
      `## 一、总体情况\n\n${period}，我以${theme}为主线，重点推进了${terms.map((word) => `“${word}”`).join('、')}。总的看，工作次序比过去清楚，重复劳动有所减少；同时，仍有事项受临时任务影响，需要在下一阶段改进。以下按事项汇报。`,
    ),
    may(
      2,
      `开展这项工作的起因很具体：${isHowTo ? brief.moment.replaceAll('你', '我') : '期初有几项任务同时推进，忙碌之后回头看，重要的一项反而进展最慢。'}这让我意识到，需要调整的是方法和次序，而不只是投入的时间。`,
    ),
    must('## 二、主要工作'),
    ...done.map((work, index) => must(`### （${ordinal(index)}）${work}\n\n${HOW[index % HOW.length]}`)),
    ...items.flat(),
    may(
      1.5,
      `在推进中，我对几个关键词有了更实际的理解。${terms.map((word, at) => `关于${word}：${defineKeyword(word, at)}。`).join('')}`,
    ),
    must(
      `## 三、成果与亮点\n\n${
        results.length > 0
          ? results.map((result, index) => `${index + 1}. ${result.replace(/[。.]?$/, '。')}`).join('\n')
          : `（所给材料没有列出成果，以下为拟写要点，提交前请按实际完成情况核定并补上数字。）\n\n1. 形成了一份可以重复使用的工作清单，覆盖${tips
              .slice(0, 3)
              .map(({ name }) => `“${name}”`)
              .join(
                '、',
              )}。\n2. 建立了固定的记录和复盘办法，做与没做、有效与无效，都有据可查。\n3. 把${keywords[0] ?? '常用做法'}从个人习惯整理成了书面步骤，便于与同事交接和配合。`
      }`,
    ),
    ...wishes.map((wish) =>
      must(
        `### ${wish}\n\n从实际使用看，值得保留的有：${tips
          .slice(0, 4)
          .map(({ name, steps }) => `${name}（${steps[0]}）`)
          .join('；')}。`,
      ),
    ),
    must(
      `## 四、问题与反思\n\n1. 计划偏满。主观上低估了临时事项，客观上跨部门配合的时间难以预估。已开始在每天的安排中预留机动时间。\n2. 记录不够及时。忙的时候容易事后补记，细节有遗漏。已改为做完一件记一行。\n3. 推广不够。方法主要在个人范围内使用，尚未形成团队共用的约定。`,
    ),
    may(
      3,
      '这些问题的共同原因，是我过去习惯用“多做一点”来应对变化，较少先停下来判断哪些事可以不做。下一阶段需要把“先判断、再动手”固定下来。',
    ),
    must(
      `## 五、下一步计划\n\n${table(
        ['事项', '目标', '时间节点', '责任与支持'],
        [
          [tips[3]?.name ?? '完善清单', '形成固定做法', '下期第一周', '本人负责'],
          [tips[4]?.name ?? '整理模板', '完成一份模板并试用', '下期第二周', '本人负责，请同事试用'],
          [`${keywords[0] ?? '做法'}交流`, '与组内分享一次，收集意见', '下期第三周', '请部门安排时间'],
          ['复盘', '对照记录，决定保留与停止的做法', '下期最后一周', '本人负责，向上级汇报'],
        ],
      )}`,
    ),
    must(
      '## 六、需要协调的事项\n\n希望就跨部门事项明确固定的对接时间，减少零散沟通；如条件允许，请同意每天保留一段不安排会议的整块时间，用于完成重点任务。',
    ),
    must('以上汇报，请批评指正。'),
  ]
}
