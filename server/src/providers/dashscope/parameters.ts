import type { ImageJob, Json } from '../../kernel/ports/provider.ts'
import type { Deployment } from './call.ts'
import type { PictureFit } from './models.ts'

/** The `parameters` of pictures that both wires call the same. */
export function parametersOf(
  job: ImageJob,
  fit: PictureFit,
  { options }: Deployment,
): { [name: string]: Json } {
  return {
    ...options.pictureParameters,
    ...(fit.size !== null && { size: fit.size }),
    n: job.count,
    watermark: job.watermark,
    ...(options.isPictureSeedSent && { seed: job.seed }),
  }
}
