/**
 * The words the renderer understands, as data: Chinese words match anywhere, English words match whole
 * (a plural ending is allowed). Adding a motif that is already drawn under another name is one word here.
 */
import type { Hex } from './color.ts'

/** Things that are drawn as the picture's subject, in the order of importance when many are named. */
export const subjectWords = {
  cat: '猫 喵 布偶 kitten kitty kitties cat',
  dog: '狗 小犬 柴犬 柯基 金毛 哈士奇 泰迪 puppy puppies dog doggy corgi shiba retriever husky poodle beagle',
  rabbit: '兔 rabbit bunny hare',
  fox: '狐 fox',
  panda: '熊猫 panda',
  bear: '熊 bear teddy',
  owl: '猫头鹰 owl',
  penguin: '企鹅 penguin',
  deer: '鹿 deer stag reindeer',
  crane: '鹤 鹭 crane heron',
  bird: '鸟 雀 燕子 莺 bird sparrow robin swallow',
  butterfly: '蝴蝶 蝶 butterfly butterflies',
  whale: '鲸 whale',
  fish: '鱼 锦鲤 鲤 fish koi goldfish',
  person:
    '女孩 男孩 少女 少年 姑娘 小孩 孩子 女人 男人 人物 女生 男生 老人 女子 男子 小朋友 侠客 仙女 girl boy woman man person child kid people lady traveler',
  robot: '机器人 robot android mecha',
  astronaut: '宇航员 太空人 航天员 astronaut cosmonaut',
  rocket: '火箭 飞船 rocket spaceship',
  balloon: '热气球 气球 balloon',
  car: '汽车 轿车 跑车 小车 car automobile van bus',
  boat: '帆船 小船 船 舟 boat ship sailboat canoe yacht',
  castle: '城堡 古堡 castle fortress',
  lighthouse: '灯塔 lighthouse',
  pagoda: '塔楼 宝塔 佛塔 寺 庙 宫殿 古建筑 亭 pagoda temple shrine palace pavilion',
  windmill: '风车 windmill',
  house: '房子 房屋 村庄 小镇 小屋 木屋 农舍 别墅 家园 house cottage cabin hut farmhouse villa village town',
  lantern: '灯笼 孔明灯 花灯 lantern',
  cup: '茶 咖啡 杯 奶茶 拿铁 tea coffee cup mug latte',
  cake: '蛋糕 甜点 甜品 cake dessert cupcake',
  fruit: '苹果 水果 橙子 桃子 apple fruit peach',
  book: '书 书本 书籍 阅读 book reading',
  umbrella: '雨伞 油纸伞 伞 umbrella parasol',
  heart: '爱心 心形 红心 heart',
  mushroom: '蘑菇 mushroom',
  cactus: '仙人掌 cactus cacti succulent',
  bouquet: '花束 花瓶 插花 bouquet vase',
} as const

export type SubjectName = keyof typeof subjectWords

/** Where the picture plays. */
export const placeWords = {
  garden:
    '花园 花田 花海 花丛 庭院 后院 花 garden flower blossom tulip rose lavender sunflower 郁金香 玫瑰 薰衣草 向日葵',
  forest: '森林 树林 林间 竹林 丛林 树 forest woods woodland jungle tree bamboo 竹',
  mountain: '山 山脉 山水 峰 峡谷 mountain alps peak hill valley canyon',
  sea: '海 大海 海边 海滩 海浪 沙滩 海洋 浪 sea ocean beach wave coast shore seaside',
  underwater: '海底 水下 深海 deep-sea 珊瑚 水母 underwater coral reef jellyfish',
  lake: '湖 河 溪 池塘 江 水面 瀑布 lake river pond stream creek waterfall',
  city: '城市 都市 街道 街 小巷 巷 高楼 摩天 夜市 霓虹 city skyline street alley downtown urban metropolis skyscraper tokyo shanghai',
  desert: '沙漠 沙丘 戈壁 desert dune sahara',
  snowfield: '雪地 雪原 冰川 极地 snowfield arctic glacier',
  space: '宇宙 太空 银河 星系 行星 星球 space galaxy universe cosmos planet nebula cosmic',
  meadow: '草地 草原 田野 草坪 原野 乡村 麦田 稻田 meadow field grassland prairie countryside lawn park 公园',
  indoor: '窗台 窗边 房间 室内 书桌 桌 客厅 沙发 window windowsill room indoor table desk cozy',
  sky: '天空 云端 云海 sky clouds',
} as const

export type PlaceName = keyof typeof placeWords

/** Things added to whatever scene it is. */
export const detailWords = {
  sun: '太阳 朝阳 阳光 日落 夕阳 sun sunshine sunny sunlight',
  moon: '月亮 明月 月光 满月 月 moon moonlight moonlit',
  stars: '星空 星星 繁星 星 star stars starry constellation',
  cloud: '云 cloud cloudy',
  rainbow: '彩虹 rainbow',
  aurora: '极光 aurora',
  rain: '雨 rain rainy drizzle storm 暴风雨',
  snow: '雪 下雪 snow snowy snowing blizzard',
  fog: '雾 薄雾 烟雨 朦胧 fog mist misty foggy haze',
  petals: '花瓣 落花 樱花 桃花 梅花 cherry sakura petal petals',
  fireflies: '萤火虫 firefly fireflies',
  birds: '飞鸟 鸟群 海鸥 seagull gull birds flock',
  butterflies: '蝴蝶 butterfly butterflies',
  flowers: '花 flower floral blossom rose tulip 玫瑰',
  bamboo: '竹 竹林 bamboo',
  fireworks: '烟花 烟火 fireworks firework',
  bridge: '桥 bridge',
} as const

export type DetailName = keyof typeof detailWords

export const timeWords = {
  night: '夜 夜晚 夜景 午夜 深夜 星空 月光 月亮 明月 满月 night midnight starry moonlit moon aurora 极光',
  sunset: '日落 夕阳 黄昏 晚霞 落日 sunset golden-hour',
  dusk: '傍晚 暮色 dusk twilight evening',
  dawn: '清晨 日出 早晨 黎明 朝阳 晨 dawn sunrise morning',
  day: '白天 中午 晴天 阳光 蓝天 day noon sunny daylight',
} as const

export type TimeName = keyof typeof timeWords

export const seasonWords = {
  spring: '春 spring 樱花 桃花 cherry sakura',
  summer: '夏 summer',
  autumn: '秋 枫 autumn fall-leaves maple',
  winter: '冬 雪 winter snow snowy christmas 圣诞',
} as const

export type SeasonName = keyof typeof seasonWords

export const styleWords = {
  watercolor: '水彩 watercolor watercolour aquarelle',
  ink: '水墨 国画 中国画 墨 ink ink-wash sumi sumi-e shuimo',
  oil: '油画 厚涂 梵高 印象派 印象 莫奈 oil impressionist impressionism gogh monet',
  cyberpunk: '赛博朋克 赛博 霓虹 cyberpunk synthwave vaporwave neon',
  papercut: '剪纸 纸雕 纸艺 papercut paper-cut paper-craft',
  pixel: '像素 pixel pixel-art 8-bit 8bit',
  line: '线稿 线条 简笔画 素描 铅笔 手绘线 line-art lineart line-drawing pencil sketch outline',
  minimal: '极简 简约 简洁 minimal minimalist minimalism',
  flat: '扁平 矢量 插画风 flat vector flat-design',
  retro: '复古 怀旧 老照片 海报 retro vintage poster 80s 70s',
} as const

export type StyleName = keyof typeof styleWords | 'storybook'

export const moodWords = {
  pastel: '柔和 粉彩 马卡龙 淡雅 清新 温柔 pastel soft gentle macaron delicate',
  vivid: '鲜艳 明亮 绚丽 多彩 缤纷 vivid vibrant colorful colourful bright',
  dark: '黑暗 暗黑 阴郁 恐怖 dark gloomy moody gothic',
  warm: '温暖 暖色 温馨 治愈 warm cosy cozy',
  cold: '寒冷 冷色 冰 清冷 cold cool icy frozen',
  dreamy: '梦幻 童话 魔法 唯美 奇幻 dreamy dream fairy magical fantasy whimsical',
} as const

export type MoodName = keyof typeof moodWords

/** What the subject does; it chooses a pose. */
export const actionWords = {
  play: '玩 嬉戏 追 跳 扑 play playing chasing jumping',
  sleep: '睡 打盹 休息 sleep sleeping asleep napping nap',
  walk: '走 散步 奔跑 跑 walk walking running run',
} as const

export type ActionName = keyof typeof actionWords

/** Colour words: a typical colour for each. Longer words are tried first. */
export const colorWords: Record<string, { words: string; hex: Hex }> = {
  red: { words: '红 赤 朱 red crimson scarlet', hex: '#d6453f' },
  orange: { words: '橙 橘 orange tangerine', hex: '#ee8a3a' },
  gold: { words: '金色 金黄 鎏金 金光 gold golden', hex: '#e3b23c' },
  yellow: { words: '黄 yellow', hex: '#f3cf52' },
  green: { words: '绿 翠 green emerald', hex: '#4f9d5d' },
  teal: { words: '青 teal turquoise cyan mint 薄荷', hex: '#38a3a5' },
  blue: { words: '蓝 blue azure indigo navy', hex: '#3f7fd0' },
  purple: { words: '紫 purple violet lavender 薰衣草', hex: '#8a63c9' },
  pink: { words: '粉 pink rose-colored', hex: '#f093ab' },
  brown: { words: '棕 褐 咖啡色 brown chocolate', hex: '#8d6246' },
  white: { words: '白 white', hex: '#f7f3ec' },
  black: { words: '黑 black', hex: '#33323a' },
  gray: { words: '灰 gray grey silver 银', hex: '#9aa0a8' },
}

/** Numbers small enough to draw one by one. */
export const numberWords: Record<string, number> = {
  一: 1,
  两: 2,
  二: 2,
  双: 2,
  三: 3,
  四: 4,
  五: 5,
  六: 6,
  七: 7,
  八: 8,
  a: 1,
  an: 1,
  one: 1,
  two: 2,
  couple: 2,
  three: 3,
  four: 4,
  five: 5,
  six: 6,
  seven: 7,
  eight: 8,
  '1': 1,
  '2': 2,
  '3': 3,
  '4': 4,
  '5': 5,
  '6': 6,
  '7': 7,
  '8': 8,
}
