import type { FormChange } from '../../shared/form-messages.ts'

export interface ChangeQueue {
  add(change: FormChange): void
  /** The host has told how the text stands; with an answer the change under way has been dealt with. */
  told(version: number, answers?: 'done' | 'late'): void
}

/** Changes go one at a time, each made in the text that the one before has left: leaving a field by a click on a button makes two. */
export function changeQueue(send: (version: number, change: FormChange) => void): ChangeQueue {
  const waiting: FormChange[] = []
  let version = 0
  let underWay = false
  const next = (): void => {
    const change = underWay ? undefined : waiting.shift()
    if (!change) return
    underWay = true
    send(version, change)
  }
  return {
    add(change) {
      waiting.push(change)
      next()
    },
    told(now, answers) {
      version = now
      if (answers) underWay = false
      // Those behind it were meant for a text that is not there.
      if (answers === 'late') waiting.length = 0
      next()
    },
  }
}
