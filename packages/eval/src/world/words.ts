/** The vocabulary of the small world: what there is, and what is true of it. */

const words = (text: string): readonly string[] => text.split(' ')
const table = (text: string): ReadonlyMap<string, string> =>
  new Map(text.split(', ').map(entry => entry.split(': ') as [string, string]))

export type Pronoun = 'he' | 'she'

export const NAMES: Readonly<Record<Pronoun, readonly string[]>> = {
  he: words('Tom Ben Max Leo Sam Finn Otto Hugo Ravi Omar Ken Paul Igor Luca'),
  she: words('Mia Anna Lily Zoe Ruth Nora Ida Maya Aiko Sara Rosa Vera Lena Jane'),
}
export const POSSESSIVE: Readonly<Record<Pronoun, string>> = { he: 'his', she: 'her' }
export const OBJECT: Readonly<Record<Pronoun, string>> = { he: 'him', she: 'her' }

export const ANIMALS: readonly string[] = words('dog cat fox hen owl frog duck goat horse mouse rabbit bear')
/** Animal → its class. */
export const KIND: ReadonlyMap<string, string> = table(
  'dog: mammal, cat: mammal, fox: mammal, goat: mammal, horse: mammal, mouse: mammal, rabbit: mammal, bear: mammal, ' +
    'hen: bird, owl: bird, duck: bird, frog: amphibian',
)
/** Place → its preposition. */
export const PLACES: ReadonlyMap<string, string> = table(
  'garden: in, kitchen: in, forest: in, market: at, river: at, school: at, barn: in, beach: on, hill: on, bridge: on, ' +
    'library: in, station: at, field: in, island: on',
)
/** Thing → its plural. */
export const THINGS: ReadonlyMap<string, string> = table(
  'apple: apples, coin: coins, book: books, stone: stones, shell: shells, pear: pears, egg: eggs, button: buttons, ' +
    'flower: flowers, cup: cups, stamp: stamps, marble: marbles, leaf: leaves, candle: candles',
)
export const COLOURS: readonly string[] = words('red blue green yellow white black brown silver golden grey')
export const SIZES: readonly string[] = words('small big tiny huge long round heavy light old new')
/** Feeling → what somebody who feels it did. */
export const FEELINGS: ReadonlyMap<string, string> = table(
  'happy: smiled, sad: cried, angry: shouted, tired: yawned, afraid: ran away, proud: laughed, ' +
    'hungry: ate some bread, cold: made a fire',
)
export const WEATHER: ReadonlyMap<string, string> = table(
  'sunny: The sun was warm., rainy: The rain fell all day., windy: The wind shook the trees., ' +
    'snowy: Snow lay on the ground., foggy: Nobody could see far., stormy: Thunder rolled over the roofs.',
)
export const DAYS: readonly string[] = words('Monday Tuesday Wednesday Thursday Friday Saturday Sunday')
export const MONTHS: readonly string[] = words(
  'January February March April May June July August September October November December',
)
/** Verb → its past. */
export const VERBS: ReadonlyMap<string, string> = table(
  'find: found, buy: bought, paint: painted, carry: carried, hide: hid, wash: washed, lose: lost, fix: fixed, ' +
    'draw: drew, bring: brought',
)
export const OPPOSITES: ReadonlyMap<string, string> = table(
  'big: small, hot: cold, old: new, long: short, heavy: light, fast: slow, early: late, dark: bright, full: empty, ' +
    'near: far',
)
/** Number words from zero to twelve. */
export const NUMBERS: readonly string[] = words('zero one two three four five six seven eight nine ten eleven twelve')
export const PRAISE: readonly string[] = words('lovely perfect bright strong useful pretty')
export const BLAME: readonly string[] = words('ugly broken useless weak dirty dull')
