/**
 * The thread in which a clip is made: it gets the layers, puts the frames together and encodes each at once.
 * It loads no native module and keeps no file, so that it may be ended at any moment.
 */
import { parentPort, workerData } from 'node:worker_threads'
import h264 from 'h264-mp4-encoder'
import { createFilm } from './frame.ts'
import { toRgb } from './planes.ts'
import type { FromWorker, Shot, ToWorker } from './shot.ts'

const shot = workerData as Shot
const port = parentPort
if (port === null) throw new Error('This file is run as a worker.')

const say = (message: FromWorker, transfer: ArrayBuffer[] = []): void => port.postMessage(message, transfer)

const film = createFilm(shot)

/** Constant quality: 10 is best, 51 worst. Drawings have wide smooth skies, which show bands above about 27. */
const quantizer = 25

/** Frames are handed to the encoder one by one: memory holds one frame and the finished bytes, however long. */
const render = async (): Promise<void> => {
  const { width, height, fps, frames } = shot
  const encoder = await h264.createH264MP4Encoder()
  encoder.width = width
  encoder.height = height
  encoder.frameRate = fps
  encoder.quantizationParameter = quantizer
  encoder.groupOfPictures = fps * 2
  // 0 searches longest for 1 % fewer bytes; 10 is three times as quick.
  encoder.speed = 8
  encoder.initialize()
  const frame = new Uint8Array(width * height * 1.5)
  let poster = new Uint8Array()
  for (let index = 0; index < frames; index += 1) {
    film.draw(frame, index)
    if (index === 0) poster = new Uint8Array(toRgb(frame, width, height))
    encoder.addFrameYuv(frame)
    say({ type: 'progress', share: (index + 1) / frames })
  }
  encoder.finalize()
  const file = new Uint8Array(encoder.FS.readFile(encoder.outputFilename))
  encoder.delete()
  say({ type: 'done', file, poster }, [file.buffer, poster.buffer])
}

port.on('message', (message: ToWorker) => {
  if (message.type === 'layer') {
    film.add(message)
    say({ type: 'ready' })
  } else render().catch((error: unknown) => say({ type: 'failed', reason: String(error) }))
})
say({ type: 'ready' })
