import type { Slide } from '../../../kernel/ports/deck-renderer.ts'
import { fitPoints } from '../fit.ts'
import type { ChartOptions, TableCell, TableCellOptions } from '../pptxgen.ts'
import type { Stage } from '../stage.ts'
import { drawHeading, WHITE } from '../stage.ts'
import { chartColors, PAGE } from '../theme.ts'

type Of<Kind extends Slide['kind']> = Extract<Slide, { kind: Kind }>

/** Whether every filled cell of a column is a number, so that it is set to the right. */
function isNumeric(rows: readonly (readonly string[])[], column: number): boolean {
  const cells = rows.map((row) => (row[column] ?? '').trim()).filter(Boolean)
  return cells.length > 0 && cells.every((cell) => /^[-+¥$€]?[\d,]+(\.\d+)?\s?(%|[\p{L}]{0,3})$/u.test(cell))
}

/** A table: its head in colour, every other row tinted, numbers to the right. */
export function drawTable(stage: Stage, { title, columns, rows }: Of<'table'>): void {
  const { slide, palette, font } = stage
  drawHeading(stage, title)
  const width = PAGE.width - 2 * PAGE.margin
  const height = Math.min(0.72, (PAGE.bottom - PAGE.top) / (rows.length + 1))
  const widths = columnWidths(columns, rows, width)
  const size = Math.min(
    ...[columns, ...rows].flatMap((row) =>
      row.map((cell, at) => fitPoints([cell], { w: (widths[at] ?? 1) - 0.25, h: height }, 18, 8)),
    ),
  )
  const numeric = columns.map((_column, at) => isNumeric(rows, at))
  const cell = (text: string, at: number, options: TableCellOptions): TableCell => ({
    text,
    options: { align: numeric[at] ? 'right' : 'left', ...options },
  })
  slide.addTable(
    [
      columns.map((text, at) =>
        cell(text, at, { bold: true, color: WHITE, fill: { color: palette.primary } }),
      ),
      ...rows.map((row, index) =>
        row.map((text, at) =>
          cell(text, at, {
            color: palette.ink,
            bold: at === 0,
            fill: { color: index % 2 === 0 ? WHITE : palette.tint },
          }),
        ),
      ),
    ],
    {
      ...{ x: PAGE.margin, y: PAGE.top, w: width, colW: widths, rowH: height },
      ...{ fontFace: font, fontSize: size, valign: 'middle', margin: [0.03, 0.12, 0.03, 0.12] },
      border: { type: 'solid', pt: 0.5, color: 'DFE4EA' },
    },
  )
}

/** Shares the width by what stands in the columns, none thinner than half its equal share. */
function columnWidths(
  columns: readonly string[],
  rows: readonly (readonly string[])[],
  width: number,
): number[] {
  const lengths = columns.map((name, at) =>
    Math.max(...[name, ...rows.map((row) => row[at] ?? '')].map((text) => [...text].length), 2),
  )
  const least = width / columns.length / 2
  const total = lengths.reduce((sum, one) => sum + Math.sqrt(one), 0)
  return lengths.map((length) => least + ((width / 2) * Math.sqrt(length)) / total)
}

/** A chart as wide as the slide, its numbers written where they stand. */
export function drawChart(stage: Stage, { title, chart, categories, series, unit }: Of<'chart'>): void {
  const { pptx, slide, palette, font } = stage
  drawHeading(stage, title)
  const data = series.map(({ name, values }) => ({ name, labels: [...categories], values: [...values] }))
  const isWhole = series.every(({ values }) => values.every(Number.isInteger))
  const number = `${isWhole ? '#,##0' : '#,##0.0#'}${unit ? `"${unit.replaceAll('"', '')}"` : ''}`
  const common: ChartOptions = {
    ...{ x: PAGE.margin, y: PAGE.top, w: PAGE.width - 2 * PAGE.margin, h: PAGE.bottom - PAGE.top },
    chartColors: chartColors(palette).slice(0, chart === 'pie' ? categories.length : series.length),
    ...{ dataLabelFormatCode: number, dataLabelFontFace: font, dataLabelFontSize: 12 },
    ...{ showLegend: chart === 'pie' || series.length > 1, legendPos: chart === 'pie' ? 'r' : 'b' },
    ...{ legendFontFace: font, legendFontSize: 13, legendColor: palette.ink },
    altText: title,
  }
  const axes: ChartOptions = {
    ...{ catAxisLabelFontFace: font, catAxisLabelFontSize: 13, catAxisLabelColor: palette.ink },
    ...{ valAxisLabelFontFace: font, valAxisLabelFontSize: 11, valAxisLabelColor: palette.quiet },
    ...{ valAxisLabelFormatCode: number, valGridLine: { color: 'E6EAEF', size: 0.75 } },
    ...{ valAxisLineShow: false, catGridLine: { style: 'none' } },
  }
  if (chart === 'pie') {
    slide.addChart(pptx.ChartType.doughnut, data, {
      ...common,
      ...{ holeSize: 55, showPercent: true, showValue: false, showLabel: false },
      ...{ dataLabelColor: WHITE, dataLabelFormatCode: '0%', dataBorder: { pt: 1.5, color: WHITE } },
    })
  } else if (chart === 'line') {
    slide.addChart(pptx.ChartType.line, data, {
      ...common,
      ...axes,
      ...{ lineSize: 3, lineDataSymbolSize: 8, showValue: series.length === 1, dataLabelPosition: 't' },
      dataLabelColor: palette.ink,
    })
  } else {
    slide.addChart(pptx.ChartType.bar, data, {
      ...common,
      ...axes,
      ...{ barGapWidthPct: series.length > 1 ? 60 : 90, showValue: true, dataLabelPosition: 'outEnd' },
      dataLabelColor: palette.ink,
    })
  }
}
