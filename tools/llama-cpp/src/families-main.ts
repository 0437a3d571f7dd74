/** Prints how far llama.cpp's logits are from ours, family by family: node --conditions=@sinter/source tools/llama-cpp/src/families-main.ts */
import { compareFamilies } from './families.ts'
import { familyCases } from './family-cases.ts'

const number = (value: number): string => value.toExponential(1).padStart(10)
console.log(
  `${'family'.padEnd(40)} ${'arch'.padEnd(9)} ${'relative'.padStart(10)} ${'its gelu'.padStart(10)} ${'read back'.padStart(10)}`,
)
for (const row of await compareFamilies(familyCases))
  console.log(
    `${row.name.padEnd(40)} ${row.architecture.padEnd(9)} ${number(row.difference)} ${number(row.withItsGelu)} ${number(row.readBack)}`,
  )
