import type { Graph } from './graph.ts'

// Nodes of ComfyUI itself, for any checkpoint that brings its text encoder and its VAE along.

const SAMPLED: Graph = {
  checkpoint: { class_type: 'CheckpointLoaderSimple', inputs: { ckpt_name: '{{model}}' } },
  positive: { class_type: 'CLIPTextEncode', inputs: { text: '{{prompt}}', clip: ['checkpoint', 1] } },
  negative: {
    class_type: 'CLIPTextEncode',
    inputs: { text: '{{negative_prompt}}', clip: ['checkpoint', 1] },
  },
  decode: { class_type: 'VAEDecode', inputs: { samples: ['sampler', 0], vae: ['checkpoint', 2] } },
  save: { class_type: 'SaveImage', inputs: { images: ['decode', 0], filename_prefix: '{{reference}}' } },
}

const SAMPLER = {
  seed: '{{seed}}',
  steps: '{{steps}}',
  cfg: '{{guidance}}',
  sampler_name: '{{sampler}}',
  scheduler: '{{scheduler}}',
  model: ['checkpoint', 0],
  positive: ['positive', 0],
  negative: ['negative', 0],
}

/** A picture from a prompt. */
export const IMAGE_GRAPH: Graph = {
  ...SAMPLED,
  latent: {
    class_type: 'EmptyLatentImage',
    inputs: { width: '{{width}}', height: '{{height}}', batch_size: '{{count}}' },
  },
  sampler: { class_type: 'KSampler', inputs: { ...SAMPLER, latent_image: ['latent', 0], denoise: 1 } },
}

/** A picture from a picture, left as far as the job says. */
export const IMAGE_EDIT_GRAPH: Graph = {
  ...SAMPLED,
  source: { class_type: 'LoadImage', inputs: { image: '{{source}}' } },
  scaled: {
    class_type: 'ImageScale',
    inputs: {
      image: ['source', 0],
      upscale_method: 'lanczos',
      width: '{{width}}',
      height: '{{height}}',
      crop: 'center',
    },
  },
  encode: { class_type: 'VAEEncode', inputs: { pixels: ['scaled', 0], vae: ['checkpoint', 2] } },
  latent: { class_type: 'RepeatLatentBatch', inputs: { samples: ['encode', 0], amount: '{{count}}' } },
  sampler: {
    class_type: 'KSampler',
    inputs: { ...SAMPLER, latent_image: ['latent', 0], denoise: '{{strength}}' },
  },
}
