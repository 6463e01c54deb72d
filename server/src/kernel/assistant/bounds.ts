// Unless an operator says otherwise: how much of a conversation a model is sent, estimated as estimate-tokens.ts does, the
// new message and what the model is told included; and how long its answer may be.
export const USUAL_MEMORY_TOKENS = 4_000
export const USUAL_REPLY_TOKENS = 2_000
