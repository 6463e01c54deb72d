import imported from 'pptxgenjs'

// The package's types describe its CommonJS form, in which the class is `default`; what Node imports is the class.
export const PptxGenJS = imported as unknown as typeof imported.default

export type Pptx = imported.default
export type PptxSlide = imported.default.Slide
export type TableCell = imported.default.TableCell
export type TableCellOptions = imported.default.TableCellProps
export type ChartOptions = imported.default.IChartOpts
