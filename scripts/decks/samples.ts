import type { DeckContent, Slide } from '../../server/src/kernel/ports/deck-renderer.ts'

// Decks to look at: short and long words, few and many points, every kind of slide.

const say = (title: string, notes = `这一页讲“${title}”。`) => ({ title, notes })

const launch: DeckContent = {
  title: '产品发布会',
  subtitle: '新一代智能办公助手 · 让每一分钟都有价值',
  language: 'zh-CN',
  slides: [
    { ...say('产品发布会'), kind: 'title', subtitle: '新一代智能办公助手 · 让每一分钟都有价值' },
    { ...say('目录'), kind: 'agenda', items: ['产品介绍', '核心功能', '市场分析', '路线图与合作方式'] },
    { ...say('产品介绍'), kind: 'section', text: '它是什么，为谁而做，解决什么问题' },
    {
      ...say('为什么是现在'),
      kind: 'bullets',
      bullets: [
        { text: '远程协作成为常态', points: ['团队跨城市、跨时区', '沟通成本成为第一成本'] },
        { text: '信息过载', points: ['人均每天处理上百条消息', '真正重要的常被淹没'] },
        { text: '工具割裂', points: ['文档、会议、任务各在一处', '切换打断专注'] },
        { text: '技术成熟', points: ['语言模型可以读懂上下文', '成本降到人人可用'] },
      ],
    },
    { ...say('核心功能'), kind: 'section' },
    {
      ...say('三个核心功能，一个入口'),
      kind: 'bullets',
      bullets: [
        { text: '会议纪要', points: ['自动区分发言人', '结论与待办一键分发', '支持中英双语'] },
        { text: '智能日程', points: ['按优先级安排时间', '冲突时给出三个方案'] },
        { text: '知识问答', points: ['只回答有出处的内容', '权限随文档走'] },
      ],
    },
    {
      ...say('与上一代相比'),
      kind: 'table',
      columns: ['指标', '上一代', '新一代', '提升'],
      rows: [
        ['响应时间', '1.8 s', '0.6 s', '67%'],
        ['识别准确率', '91%', '97%', '6%'],
        ['支持语言', '2', '12', '10'],
        ['月度成本（元/人）', '45', '28', '38%'],
      ],
    },
    { ...say('市场分析'), kind: 'section', text: '规模、对手与我们的位置' },
    {
      ...say('目标市场规模（亿元）'),
      kind: 'chart',
      chart: 'bar',
      categories: ['2022', '2023', '2024', '2025', '2026'],
      series: [
        { name: '总体市场', values: [120, 168, 224, 301, 395] },
        { name: '可触达市场', values: [35, 52, 78, 110, 150] },
      ],
      unit: '亿',
    },
    {
      ...say('客户来自哪里'),
      kind: 'chart',
      chart: 'pie',
      categories: ['互联网', '制造业', '教育', '金融', '其他'],
      series: [{ name: '占比', values: [38, 24, 17, 13, 8] }],
      unit: '%',
    },
    {
      ...say('试点团队每周节省的小时数'),
      kind: 'chart',
      chart: 'line',
      categories: ['第1周', '第2周', '第3周', '第4周', '第5周', '第6周'],
      series: [{ name: '小时', values: [1.2, 2.1, 2.8, 3.6, 4.1, 4.4] }],
    },
    { ...say('谢谢'), kind: 'closing', text: '欢迎试用，期待与您一起把时间还给真正重要的事。' },
  ],
}

const long = '在数字化转型与组织变革双重背景下构建面向未来的人才培养体系与绩效管理机制的探索与实践'
const dense: DeckContent = {
  title: long,
  language: 'zh-CN',
  slides: [
    { ...say(long), kind: 'title', subtitle: `${long}，兼论若干可以推广的经验` },
    {
      ...say('目录'),
      kind: 'agenda',
      items: Array.from({ length: 10 }, (_, index) => `第${index + 1}部分：${long.slice(index, index + 18)}`),
    },
    { ...say(long), kind: 'section', text: long },
    {
      ...say(long),
      kind: 'bullets',
      bullets: Array.from({ length: 10 }, (_, index) => ({ text: `${long.slice(index)}（${index + 1}）` })),
    },
    {
      ...say('六张卡片，每张都有四点'),
      kind: 'bullets',
      bullets: Array.from({ length: 6 }, (_, index) => ({
        text: long.slice(index, index + 16),
        points: Array.from({ length: 4 }, (_one, at) => long.slice(at * 4, at * 4 + 20)),
      })),
    },
    {
      ...say('十二行六列'),
      kind: 'table',
      columns: ['项目名称', '负责人', '预算（万元）', '完成率', '风险', '备注说明'],
      rows: Array.from({ length: 12 }, (_, index) => [
        `项目${index + 1}：${long.slice(index, index + 8)}`,
        ['张三', '李四', '王五'][index % 3] ?? '',
        String(120 + index * 37),
        `${40 + index * 5}%`,
        ['低', '中', '高'][index % 3] ?? '',
        long.slice(0, 14),
      ]),
    },
    {
      ...say('四个系列，十二个月'),
      kind: 'chart',
      chart: 'bar',
      categories: Array.from({ length: 12 }, (_, index) => `${index + 1}月`),
      series: ['华东', '华南', '华北', '西南'].map((name, at) => ({
        name,
        values: Array.from({ length: 12 }, (_, index) => 20 + ((index * 7 + at * 13) % 40)),
      })),
    },
    { ...say('结语'), kind: 'closing' },
  ],
}

const english: DeckContent = {
  title: 'Quarterly Business Review',
  subtitle: 'What we shipped, what we learned, and what comes next',
  language: 'en',
  slides: [
    {
      ...say('Quarterly Business Review', 'Welcome.'),
      kind: 'title',
      subtitle: 'What we shipped, what we learned, and what comes next',
    },
    {
      ...say('Agenda', 'Walk through.'),
      kind: 'agenda',
      items: ['Highlights', 'Product', 'Customers', 'Finance', 'Risks', 'Next quarter'],
    },
    {
      ...say('Highlights', 'Three things.'),
      kind: 'bullets',
      bullets: [
        { text: 'Revenue grew faster than plan' },
        { text: 'Churn fell for the third quarter in a row' },
        { text: 'The new onboarding cut time to value in half' },
      ],
    },
    {
      ...say('A list without cards', ''),
      kind: 'bullets',
      bullets: [
        { text: 'Ship the mobile client to everyone by the end of October' },
        { text: 'Move the remaining customers off the old billing system' },
        { text: 'Hire two engineers for the platform team' },
        { text: 'Run the first disaster recovery exercise with a real failover' },
        { text: 'Publish the security whitepaper' },
      ],
    },
    { ...say('Thank you', ''), kind: 'closing', text: 'Questions are welcome.' },
  ],
}

const one = (slide: Slide): DeckContent => ({
  title: '一页一议',
  language: 'zh-CN',
  slides: [{ ...say('一页一议'), kind: 'title' }, slide, { ...say('谢谢'), kind: 'closing' }],
})

/** By file name. */
export const SAMPLES: Readonly<Record<string, DeckContent>> = {
  launch,
  dense,
  english,
  'one-bullet': one({
    ...say('只有一点'),
    kind: 'bullets',
    bullets: [{ text: '把一件事做到最好', points: ['聚焦', '坚持', '复盘'] }],
  }),
  'two-bullets': one({
    ...say('两种选择'),
    kind: 'bullets',
    bullets: [
      { text: '自建', points: ['可控', '投入大'] },
      { text: '采购', points: ['快', '依赖供应商'] },
    ],
  }),
  'five-cards': one({
    ...say('五个步骤'),
    kind: 'bullets',
    bullets: ['调研', '设计', '开发', '测试', '上线'].map((text) => ({
      text,
      points: [`${text}的目标`, `${text}的产出`],
    })),
  }),
}
