import type { Brief } from '../brief.ts'
import { may, must, type Part } from '../part.ts'

type World = {
  match: RegExp
  hero: string
  elder: string
  place: string
  thing: string
  sound: string
  arrival: string
  danger: string
}

const WORLDS: readonly World[] = [
  {
    match: /古|武侠|仙侠|玄幻|历史|宫廷/,
    hero: '阿棠',
    elder: '老艄公',
    place: '渡口',
    thing: '铜铃',
    sound: '叮',
    arrival: '送信的马跑到渡口就再也不肯走了。',
    danger: '上游涨了水，浪头拍在石阶上，一阶一阶往上爬。',
  },
  {
    match: /科幻|未来|太空|星际|末世/,
    hero: '齐远',
    elder: '老站长',
    place: '中继站',
    thing: '旧信标',
    sound: '滴',
    arrival: '那条讯息在黑暗里走了十一年，落进中继站时只剩下一行字。',
    danger: '电力只够一个小时，舱壁上的霜正一寸一寸往里长。',
  },
  {
    match: /童话|寓言|儿童|奇幻/,
    hero: '小满',
    elder: '獾爷爷',
    place: '山谷邮局',
    thing: '风铃',
    sound: '叮铃',
    arrival: '最后一片枫叶落下来的那天，山谷邮局收到一封没有寄信人的信。',
    danger: '第一场雪就要来了，路一旦白了，信就送不到了。',
  },
]

const nameOf = (brief: Brief, usual: string): string =>
  /^(?:主角|主人公|女主|男主)?[:：]?\s*(\p{Script=Han}{2,3})(?=$|[，,、：:（(；;。是\s])/u.exec(
    brief.value('characters'),
  )?.[1] ?? usual

/** An editor, a note that she cannot answer, and somebody who mends clocks. */
function inTheCity(brief: Brief): Part[] {
  const { title, terms, wishes, random } = brief
  const hero = nameOf(brief, random.pick(['林夏', '许宁', '沈鸣', '周若']))
  const setting = brief.value('setting')
  const words = terms.join('、')
  const isMale = /男|他/.test(brief.value('characters'))
  const parts = [
    must(`# ${random.pick(['走准的那一只', '慢七分钟', '便签背面'])}`),
    must('## 一'),
    must(
      `稿子的题目贴在显示器下沿，是主管用记号笔写的：${title}。${hero}对着它坐了四天。胶带翘起一角，空调一吹，哒、哒、哒，像有人拿指节敲她的桌子。`,
    ),
    must('“周五早上九点，”主管走过她的工位，没有停，“不要道理，要能用的。”'),
    must(
      `便签下面还有一行小字，是必须写到的词：${words}。${hero}把它们抄进文档，光标跟在后面一闪一闪。到目前为止，整篇稿子里的字，都是抄来的。`,
    ),
    ...(setting ? [must(`她后来总记得那几天。${setting.replace(/[。.]?$/, '。')}`)] : []),
    may(
      2,
      '右下角又跳出一个红色的数字。她点开，回了一句“好的”；再点开，又回了一句“收到”。回完抬头，窗外的天从灰变成了黑，她想不起刚才写到一半的那句话，前半句是什么。',
    ),
    ...wishes.map((wish) =>
      must(
        `“要有${wish}，”主管昨天又补了一句，“读者翻开，得能带走一样东西。”她把“${wish}”也抄了上去，抄完才发觉，自己这一天什么也没带走。`,
      ),
    ),
    must(
      `晚上十点，整层楼只剩她头顶一盏灯。她存下十一篇别人写的文章，一个字也没有看进去，只是存的时候，心里踏实了一下。打印机卡了纸，指示灯一明一暗。${hero}把它们拷进优盘，下了楼。`,
    ),
    must('## 二'),
    must(
      '街角的打印店兼着修钟。墙上挂了十几只，没有两只走得一样，满屋子都是脚步声。店主老周坐在台灯底下，镊子夹着一枚比米粒还小的螺丝。',
    ),
    must(`“您这些钟，哪一只是准的？”${hero}问。\n\n“都不准。”老周没有抬头，“准的，都取走了。”`),
    must('他接过优盘，看了一眼屏幕。“一百四十页。今晚看得完？”\n\n“看不完。”\n\n“那打它做什么？”'),
    must(
      `${hero}没有答。机油和热纸的气味混在一起，闻久了让人犯困。她在柜台边的塑料凳上坐下，这才觉出腿是酸的。`,
    ),
    may(
      1,
      '老周把一只座钟推到灯下。“送来的人都说，全坏了，给我全换了吧。其实坏的多半只有一处。你听。”\n\n她侧过耳朵。哒、哒、哒，接着空了一拍，才又哒的一声。\n\n“就是那一下。”老周说，“先听清卡在哪一声，再拆。一次只拆一只。两只一起拆，螺丝就混了。”',
    ),
    may(
      3,
      `她想笑，想说自己桌上正拆着七只。手机在口袋里震，一下，又一下。她的手伸进去，碰到屏幕，又抽了出来。老周看见了，什么也没说，把台灯往她那边拨了拨。`,
    ),
    must(`${hero}拔下优盘。“不打了。”\n\n“嗯。”老周说，“那只慢七分钟的，你帮我递过来。”`),
    must('## 三'),
    must(
      `回到工位，她把便签撕了下来，翻到背面，写下一句话：读的人，此刻卡在哪一声？写完，她开始关窗口。第七个，第六个，第五个。每关一个，手指都要在鼠标上停一下，像从别人手里把东西轻轻拿回来。`,
    ),
    must('只剩一个窗口的时候，小陈的头像亮了。\n\n“在吗在吗，帮我看一眼明天的片子，就五分钟。”'),
    must(
      `${hero}认得这五分钟。上个月的五分钟用掉了一个晚上，上上周的五分钟用掉了一个周末。她打下“好”，光标停在后面。楼道里有人按了电梯，叮的一声，门开了，没有人进去，门又合上。`,
    ),
    must(
      `她把“好”删掉。\n\n“今晚不行。明天十点以后，我给你半小时。”\n\n对面显示正在输入，停了，又显示，又停了。最后什么也没有发过来。${hero}看着那片空白，胃里像搁了一块凉的东西。她没有再解释，把手机扣在桌上，屏幕朝下。`,
    ),
    may(
      1.5,
      `然后她开始写。不写道理，只写今天：写那十一篇文章，写那句“收到”，写空了的那一拍。写到${terms[0]}，她没有下定义，只写了一条没有当场回的消息；写到${terms.at(-1)}，她写的是一只放在灯下的钟。`,
    ),
    may(
      4,
      '写错了就划掉，划掉了再写。凌晨一点，清洁车从街上开过，水声沙沙的，由远到近，又由近到远。她第一次听完了整条街的声音，没有去看时间。',
    ),
    may(
      5,
      `天快亮的时候，${hero}把初稿从头念了一遍。念到第三段，舌头打了结，她停下来，把那一句整句删了。窗玻璃上映出她的脸，头发翘着一绺，嘴唇在动。对面楼有一户亮了灯，有人在厨房里走来走去，锅盖碰着锅沿，叮当一声。`,
    ),
    may(
      6,
      '她想起父亲。父亲修了一辈子水管，工具箱里从来只有四样东西，每一样都磨得发亮。小时候她问，别人家的箱子怎么那么满？父亲说，满的那些，多半是不知道哪一把合用，就都背着。那时她没有听懂，只觉得箱子轻，提着跑得快。',
    ),
    must('## 四'),
    must('九点差三分，她把稿子放在主管桌上。两页纸，比要求的薄。主管站着看，看完第一页，坐下了。'),
    must(`“只讲了一件事。”主管说。\n\n“嗯。”\n\n“${terms[0]}这一段，是真的？”\n\n“是真的。”`),
    may(
      2.5,
      '主管用笔帽敲着纸边，敲了几下。“小陈早上找过我，说你现在不好说话了。”\n\n她的耳朵热起来。她张了张嘴，想说不是那个意思，又闭上了。那个意思，其实也是有的。',
    ),
    must(
      '“十点我陪他看片子。”她说，“半小时。”\n\n主管看了她一会儿，把稿子翻回第一页，在右上角写了一个字：用。',
    ),
    may(
      3.5,
      '十点整，小陈搬着电脑过来，脸上还绷着。他们一页一页地看，看到第九页，他自己笑了：“这页昨晚我就知道不对，就是不想承认。”十点半，闹钟响了，两个人同时合上了电脑。',
    ),
    must(
      `下班的时候，${hero}又去了街角。老周把那只慢七分钟的钟包好，推给她。\n\n“没人要了，”他说，“现在准了。”`,
    ),
    must(
      '她把钟挂在显示器旁边，便签原来的位置。空调还在吹，胶带的印子还在。哒、哒、哒。她听了一会儿，一声也没有漏。',
    ),
  ]
  return isMale ? parts.map(({ rank, text }) => ({ rank, text: text.replaceAll('她', '他') })) : parts
}

/** Elsewhere and at another time: a letter of one line, and one night to carry the answer. */
function farAway(brief: Brief, world: World): Part[] {
  const { title, terms, wishes, random } = brief
  const hero = nameOf(brief, world.hero)
  const { elder, place, thing, sound, arrival, danger } = world
  const setting = brief.value('setting')
  const [first, last] = [terms[0], terms.at(-1)]
  return [
    must(`# ${random.pick([`${place}的一夜`, `${thing}响过三声`, '没有写完的回信'])}`),
    must('## 一'),
    must(arrival),
    must(
      `${hero}把它翻过来，又翻过去。没有称呼，没有落款，只有一句：${title}。背面用更淡的笔迹记着几个词：${terms.join('、')}。`,
    ),
    must(
      `“要答的，”${elder}说，“天亮之前。”\n\n“谁问的？”\n\n“路过的人。路过的人问什么，${place}就答什么，这是规矩。”`,
    ),
    ...(setting ? [must(`那时候，${setting.replace(/[。.]?$/, '。')}`)] : []),
    must(
      `${hero}来这里三个月，还没有独自答过一封。从前的信都由${elder}口述，${hero}只管抄。今晚${elder}的手肿得握不住笔，灯也只剩半盏油。`,
    ),
    ...wishes.map((wish) =>
      must(`“别光说好听的，”${elder}又添一句，“要有${wish}，人家拿去，明天就用得上。”`),
    ),
    must('## 二'),
    must(
      `${hero}先写了很长的一页。写完念给${elder}听，念到一半，自己先停住了：每一句都对，每一句都跟谁都没有关系。纸团落进炭盆，亮了一下，黑了。`,
    ),
    may(
      1,
      `第二页写得更长。${hero}把知道的全写上，怕漏了一样。墨汁的气味发苦，指头冻得发木，写到“${first}”三番五次地改，改到纸起了毛。${elder}闭着眼，像是睡着了。`,
    ),
    must(`檐下挂着一只${thing}。风来的时候它响，${sound}，隔很久，又是${sound}。`),
    must(
      `“你数数，”${elder}忽然说，“两声中间，隔了几下呼吸？”\n\n“数它做什么？”\n\n“你从进门到现在，一件事没有听完过。”`,
    ),
    may(
      2,
      `${hero}想分辩，话到嘴边又咽了下去。于是坐下来数。一下，两下。数到第七下，${sound}。炭火轻轻塌了一块。原来屋里有这么多声音，一直在，只是没有人腾出耳朵。`,
    ),
    must(danger),
    must(
      `门就在这时被拍响了。外头的人声音发抖，说东西落在了坡下，求${hero}去帮着找。${hero}的手已经搭在门闩上。帮了，信就误了；不帮，门外的人要恨一夜。`,
    ),
    must('## 三'),
    must(
      `“等我写完这一句。”${hero}隔着门说，“灯给你，毯子给你，坡下的路我画给你。写完我就来。”\n\n外头静了很久。${hero}以为那人走了，心里像空了一块。然后，窗台上的灯被人提走了。`,
    ),
    must(
      `屋里暗下来，只剩炭火的一点红。${hero}把前两页的意思都丢开，只写今晚：写炭盆里的两团纸，写数呼吸的那七下，写窗台上被提走的灯。${first}，就是先把一件事听完；${last}，就是手边那盏灯，该给谁，什么时候给。`,
    ),
    may(3, `写到末尾，${hero}想再添一句漂亮话，笔悬着，没有落。墨在笔尖聚成一滴，又慢慢收了回去。`),
    must(
      `信封好，天还没有亮。${hero}裹上外衣跑下坡去。那人坐在灯旁边，东西早找着了，抱在怀里，见了${hero}，把毯子分过来一半。`,
    ),
    must(
      `${place}的灯后来换过许多盏。有人问起那封回信写了什么，${hero}总说记不得了，只是走到檐下，伸手扶一扶那只${thing}。\n\n${sound}。隔了七下呼吸，又是${sound}。`,
    ),
  ]
}

/** A whole short story in which the theme is somebody's trouble, not a lecture. */
export function storyNovel(brief: Brief): Part[] {
  const genre = brief.value('genre')
  const world = WORLDS.find(({ match }) => match.test(genre))
  return world ? farAway(brief, world) : inTheCity(brief)
}
