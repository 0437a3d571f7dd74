import { type TrainEvent, type TrainerOptions, train } from '@sinter/model'

/** A step of one of several students. */
export interface PeerEvent {
  /** Which student. */
  readonly peer: number
  readonly event: TrainEvent
}

/**
 * Students that learn in turn, a step each, every one from what the others are by then (deep mutual learning, 1706.00384 §2). Each
 * one's learner has the models of the other learners as its `teacher`, with `teacherMoves`, and soft labels as its objective.
 * Who has finished stays a teacher.
 */
export async function* inTurn(peers: readonly TrainerOptions[]): AsyncGenerator<PeerEvent> {
  const running = peers.map(options => train(options))
  const done = new Set<number>()
  try {
    while (done.size < running.length)
      for (const [peer, events] of running.entries()) {
        // What a student is looked at for after its step belongs to its next turn.
        let stepped = false
        while (!stepped && !done.has(peer)) {
          const next = await events.next()
          if (next.done) done.add(peer)
          else yield { peer, event: next.value }
          stepped = !next.done && next.value.type === 'step'
        }
      }
  } finally {
    for (const events of running) await events.return(undefined as never)
  }
}
