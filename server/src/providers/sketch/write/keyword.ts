/** What can be said about a keyword without inventing anything. */

const KNOWN: Readonly<Record<string, string>> = {
  时间管理: '时间管理管的不是时间，时间怎样都会过去；它管的是清醒的几个小时用在哪里、哪些事可以不做',
  效率工具: '效率工具的本分是少记、少找、少切换：日历管时间，清单管待办，收集箱接住冒出来的念头，三样就够',
  团队协作: '团队协作的关键不在会议的多少，而在每件事都有一个说得出名字的负责人和一个写下来的期限',
  人工智能: '人工智能适合做重复、有样例、允许人核对的事；结果由谁负责，要在用之前说清',
  用户体验: '用户体验落在细处：少点一次、少等一秒、出错时知道下一步做什么',
}

const FORMS: readonly ((word: string) => string)[] = [
  (word) => `${word}最容易说得太大；把它缩小成这一周就能做的一个动作，做完记下花了多久、卡在哪里`,
  (word) => `谈${word}之前，先写清想用它解决什么；说不清的时候，多半是问题本身还没有找准`,
  (word) => `${word}好不好，要看用了之后少了哪一步、省了哪一件事，不看它听起来有多新`,
  (word) => `${word}不必一次做到位，先有一个能用的版本，再用每周的记录一点点改`,
  (word) => `把${word}放进固定的时间和场合，比临时想起来再做，更容易留得住`,
]

/** The same behind the keyword and a colon, so that it is not said twice. */
export function defineKeyword(word: string, place: number): string {
  const text = explainKeyword(word, place)
  return text.startsWith(word) ? text.slice(word.length).replace(/^的/, '') : text
}

/** One sentence about a keyword, without its full stop; another one for each place in the list. */
export function explainKeyword(word: string, place: number): string {
  if (Object.hasOwn(KNOWN, word)) return KNOWN[word] as string
  const quoted = /^[\p{Script=Han}\w]{1,10}$/u.test(word) ? word : `「${word}」`
  return FORMS[place % FORMS.length]?.(quoted) ?? quoted
}
