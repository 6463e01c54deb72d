/** What falls or drifts in front of everything: rain, snow, petals, fog. */
import { mix } from '../color.ts'
import type { Reading } from '../read-prompt.ts'
import { dot, n, path, rect } from '../svg.ts'
import type { Canvas } from './canvas.ts'
import { plane } from './plane.ts'
import { fireflies } from './plants.ts'

const rain = (canvas: Canvas): string => {
  const { random, width, height } = canvas
  let near = ''
  let far = ''
  const count = Math.min(420, Math.round((width * height) / 3800))
  for (let i = 0; i < count; i += 1) {
    const length = random.between(18, 60)
    const mark = `M${n(random.between(-20, width + 40))} ${n(random.between(-40, height))}l${n(-length * 0.22)} ${n(length)}`
    if (i % 3 === 0) near += mark
    else far += mark
  }
  return (
    path(far, { stroke: '#eaf2fb', width: 1.4, alpha: 0.4 }) +
    path(near, { stroke: '#f4f9ff', width: 2.4, alpha: 0.5 })
  )
}

const snow = (canvas: Canvas): string => {
  const { random, width, height } = canvas
  let near = ''
  let far = ''
  const count = Math.min(380, Math.round((width * height) / 4200))
  for (let i = 0; i < count; i += 1) {
    const [x, y] = [random.between(0, width), random.between(0, height)]
    if (i % 4 === 0) near += dot(x, y, random.between(4, 8.5))
    else far += dot(x, y, random.between(1.4, 3.6))
  }
  return path(far, { fill: '#ffffff', alpha: 0.72 }) + path(near, { fill: '#ffffff', alpha: 0.85 })
}

/** Blossom petals in spring, leaves in autumn. */
const petals = (canvas: Canvas, autumn: boolean): string => {
  const { random, width, height, palette } = canvas
  const colors = autumn
    ? ([palette.leaf[1], palette.leaf[2], palette.leaf[0]] as const)
    : (['#f9c6d4', '#fbdde5', '#f5a8be'] as const)
  let svg = ''
  for (let i = 0; i < Math.min(64, (width * height) / 24000); i += 1) {
    const size = random.between(7, 17)
    const d = autumn
      ? `M0 ${n(-size)}C${n(size)} ${n(-size * 0.4)} ${n(size * 0.8)} ${n(size * 0.6)} 0 ${n(size)}C${n(-size * 0.8)} ${n(size * 0.6)} ${n(-size)} ${n(-size * 0.4)} 0 ${n(-size)}z`
      : `M0 ${n(size)}C${n(-size)} 0 ${n(-size * 0.6)} ${n(-size)} 0 ${n(-size * 0.6)}C${n(size * 0.6)} ${n(-size)} ${n(size)} 0 0 ${n(size)}z`
    svg += `<g transform="translate(${n(random.between(0, width))} ${n(random.between(0, height))}) rotate(${n(random.between(0, 360))})">${path(d, { fill: canvas.tone(random.pick(colors)), alpha: random.between(0.7, 1) })}</g>`
  }
  return svg
}

const fog = (canvas: Canvas): string => {
  const { width, height, palette } = canvas
  const color = mix(palette.sky[2], '#ffffff', palette.night ? 0.05 : 0.3)
  return [0.42, 0.6, 0.78]
    .map((k) =>
      rect(-2, height * (k - 0.12), width + 4, height * 0.26, {
        fill: canvas.defs.linear([
          [0, color, 0],
          [0.5, color, 0.42],
          [1, color, 0],
        ]),
      }),
    )
    .join('')
}

export const drawWeather = (canvas: Canvas, reading: Reading): string => {
  const { details } = reading
  let svg = ''
  if (details.has('fog')) svg += plane('drift', 0.9) + fog(canvas)
  if (details.has('fireflies'))
    svg += plane('fireflies', 1.1) + fireflies(canvas, canvas.height * 0.4, canvas.height * 0.95)
  if (details.has('petals')) svg += plane('petals', 1.2) + petals(canvas, false)
  else if (reading.season === 'autumn') svg += plane('leaves', 1.2) + petals(canvas, true)
  if (details.has('rain')) svg += plane('rain', 1.2) + rain(canvas)
  if (details.has('snow')) svg += plane('snow', 1.2) + snow(canvas)
  return svg
}
