/** What can be said about a keyword without inventing anything. */

const KNOWN: Readonly<Record<string, string>> = {
  时间管理: '时间管理管的不是时间，时间怎样都会过去；它管的是清醒的几个小时用在哪里、哪些事可以不做',
  效率工具: '效率工具的本分是少记、少找、少切换：日历管时间，清单管待办，收集箱接住冒出来的念头，三样就够',
  团队协作: '团队协作的关键不在会议的多少，而在每件事都有一个说得出名字的负责人和一个写下来的期限',
  人工智能: '人工智能适合做重复、有样例、允许人核对的事；结果由谁负责，要在用之前说清',
  用户体验: '用户体验落在细处：少点一次、少等一秒、出错时知道下一步做什么',
}

/** True of a practice, a thing and a quality alike, because nobody says which of them a keyword is. */
const FORMS: readonly ((word: string) => string)[] = [
  (word) => `${word}到底指什么，各人的理解并不一样，先把说法对齐，再往下谈才不会落空`,
  (word) => `说到${word}，不妨先找一个眼前的例子，有了例子，道理才落得了地`,
  (word) => `${word}好不好，要看放在什么场合，离开场合，很难下结论`,
  (word) => `判断${word}，看的是日常里实际怎样，而不是介绍里写得怎样`,
  (word) => `${word}值得单独拿出来看：它在什么情况下格外要紧，什么情况下可以放一放`,
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
