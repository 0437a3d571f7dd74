import { type Model, SinterError, type Tokenizer } from '@sinter/model'

type Known = Pick<Model, 'path' | 'hasTokenizer' | 'tokenizer'> & { readonly config: { readonly vocabSize: number } }

/**
 * How many first tokens student and teacher share: all of them, or where only padding of the embeddings differs, those that the
 * tokenizers have. `sharedVocabulary` of the learner, `vocabulary` of teachers.
 * @throws SinterError `tokenizer` naming the first token that differs, or what is missing to compare them
 */
export function sharedVocabulary(student: Known, teacher: Known): number {
  const sizes = [student.config.vocabSize, teacher.config.vocabSize] as const
  if (!student.hasTokenizer && !teacher.hasTokenizer && sizes[0] === sizes[1]) return sizes[0]
  const [own, other] = [tokenizerOf(student, sizes), tokenizerOf(teacher, sizes)]
  const last = compare(student, own, teacher, other)
  const least = Math.min(...sizes)
  if (last >= least) {
    const [short, long] = sizes[0] < sizes[1] ? [student, teacher] : [teacher, student]
    throw refused(
      `token ${last} ${show(own.tokenOf(last))} has a row in ${long.path} and none in ${short.path}, which has ${least}`,
    )
  }
  return sizes[0] === sizes[1] ? sizes[0] : last + 1
}

function tokenizerOf({ path, tokenizer }: Known, sizes: readonly [number, number]): Tokenizer {
  if (tokenizer) return tokenizer
  throw refused(
    `${path} has no tokenizer to compare (the student has ${sizes[0]} tokens, the teacher ${sizes[1]}); put its tokenizer.json beside it`,
  )
}

/** The last id that has a token. @throws SinterError at the first that has not the same one in both */
function compare(student: Known, own: Tokenizer, teacher: Known, other: Tokenizer): number {
  let last = -1
  const most = Math.max(student.config.vocabSize, teacher.config.vocabSize, own.vocabSize, other.vocabSize)
  for (let id = 0; id < most; id++) {
    const [mine, theirs] = [own.tokenOf(id), other.tokenOf(id)]
    if (mine !== theirs)
      throw refused(
        `token ${id} is ${show(mine)} in ${student.path} and ${show(theirs)} in ${teacher.path}; losses on tokens need one tokenizer`,
      )
    if (mine !== undefined) last = id
  }
  return last
}

const show = (token: string | undefined): string => (token === undefined ? 'nothing' : JSON.stringify(token))

const refused = (why: string): SinterError =>
  new SinterError('tokenizer', `student and teacher do not share a vocabulary: ${why}`)
