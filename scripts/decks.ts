// npm run decks -- [folder]: renders the sample decks as .pptx and, where LibreOffice and pdftoppm are installed, as
// pictures, for a person to look at. Not a test: CI checks the structure of the files.
import { execFileSync } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { createPptxRenderer } from '../server/src/decks/pptx/pptx-renderer.ts'
import { SAMPLES } from './decks/samples.ts'

const folder = resolve(process.argv[2] ?? './atelier-decks')
await mkdir(folder, { recursive: true })
const renderer = createPptxRenderer()
for (const [name, content] of Object.entries(SAMPLES)) {
  const file = join(folder, `${name}.pptx`)
  await writeFile(file, await renderer.render(content))
  console.log(`${file}  ${content.slides.length} slides`)
  try {
    execFileSync('soffice', ['--headless', '--convert-to', 'pdf', '--outdir', folder, file], {
      stdio: 'pipe',
    })
    execFileSync('pdftoppm', ['-r', '50', '-png', join(folder, `${name}.pdf`), join(folder, name)])
  } catch (error) {
    console.log(`  no pictures: ${error instanceof Error ? error.message.split('\n')[0] : error}`)
  }
}
