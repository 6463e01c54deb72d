import type { CharacterPreset } from '../../kernel/preset.ts'

/**
 * The characters that everybody finds on a new site (decided reading *cameo*). All of them are invented; nobody who
 * lives or lived is among them.
 */
export const characters: NonNullable<CharacterPreset['characters']> = [
  {
    mention: 'linxiaolu',
    name: '林小鹿',
    type: 'sora',
    description: '十二岁的森林向导，齐耳短发，墨绿色斗篷，背一只藤编小筐，神情好奇',
  },
  {
    mention: 'ache.lighthouse',
    name: '阿澈',
    type: 'sora',
    description: '二十岁的灯塔看守人，晒成麦色的皮肤，藏蓝色高领毛衣，腼腆而可靠',
  },
  {
    mention: 'yunpopo',
    name: '云婆婆',
    type: 'sora',
    description: '七十岁的面点师傅，银色发髻，碎花围裙，袖口沾着面粉，笑容温暖',
  },
  {
    mention: 'tieqihao',
    name: '铁皮七号',
    type: 'sora',
    description: '圆脑袋的旧式机器人，黄铜外壳带着划痕，左眼闪蓝光，动作笨拙而温柔',
  },
  {
    mention: 'motuan',
    name: '墨团',
    type: 'sora',
    description: '毛茸茸的黑色小猫，琥珀色眼睛，左耳缺一小角，常常打哈欠',
  },
  {
    mention: 'guyuanzhou',
    name: '顾远舟',
    type: 'sora',
    description: '三十岁的深空飞行员，橙色飞行服，黑色长发束在脑后，目光沉着',
  },
]
