import type { DeckRenderer, Slide } from '../../kernel/ports/deck-renderer.ts'
import { PptxGenJS } from './pptxgen.ts'
import { drawBullets } from './slides/bullets.ts'
import { drawChart, drawTable } from './slides/figures.ts'
import { drawAgenda, drawClosing, drawSection, drawTitle } from './slides/opening.ts'
import type { Stage } from './stage.ts'
import { fontFor, paletteFor } from './theme.ts'

/** How many decks a process renders at a time is the worker's to bound; each takes some tens of milliseconds. */
export function createPptxRenderer(): DeckRenderer {
  return {
    render: async (content) => {
      const pptx = new PptxGenJS()
      pptx.layout = 'LAYOUT_WIDE'
      pptx.title = content.title
      pptx.company = 'Atelier'
      const font = fontFor(content.language)
      pptx.theme = { headFontFace: font, bodyFontFace: font }
      const palette = paletteFor(content.title)
      let sections = 0
      for (const [index, slide] of content.slides.entries()) {
        if (slide.kind === 'section') sections += 1
        const drawn = pptx.addSlide()
        const stage = { pptx, slide: drawn, palette, font, deckTitle: content.title, page: index + 1 }
        draw(stage, slide, sections)
        if (slide.notes.trim() !== '') drawn.addNotes(slide.notes)
      }
      return (await pptx.write({ outputType: 'nodebuffer', compression: true })) as Buffer
    },
  }
}

function draw(stage: Stage, slide: Slide, section: number): void {
  switch (slide.kind) {
    case 'title':
      drawTitle(stage, slide)
      break
    case 'agenda':
      drawAgenda(stage, slide)
      break
    case 'section':
      drawSection(stage, slide, section)
      break
    case 'bullets':
      drawBullets(stage, slide)
      break
    case 'table':
      drawTable(stage, slide)
      break
    case 'chart':
      drawChart(stage, slide)
      break
    case 'closing':
      drawClosing(stage, slide)
      break
  }
}
