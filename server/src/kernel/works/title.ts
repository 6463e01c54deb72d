import type { Task } from '../generation/task.ts'

const MOST_CHARACTERS = 30

/**
 * What a work is called in a list: the title its owner gave it, or how its prompt begins. A new work's title is the first
 * line of its prompt, which may be much longer than a list has room for.
 */
export function shortTitle({ title, prompt }: Pick<Task, 'title' | 'prompt'>): string {
  const isOwn = !(prompt ?? '').trim().startsWith(title)
  const characters = [...title]
  return isOwn || characters.length <= MOST_CHARACTERS
    ? title
    : characters.slice(0, MOST_CHARACTERS).join('').trim()
}
